import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { rmdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { RunnerError } from "../errors.ts";
import type { ContainerRecord, ContainerStore } from "../state/container-store.ts";

/*
 * /dev/shm goes with the ipc namespace. Who joins that of another container gets the same, and a mount
 * can only be taken from the mount namespace that containerd is in: so there is one in the host's, in
 * the folder `task` of the container, for as long as its program runs.
 */

/** The folder to mount for the /dev/shm of a container whose ipc namespace is its own; else undefined. */
export function ownSharedMemory(
  store: ContainerStore,
  { id, plan }: Pick<ContainerRecord, "id" | "plan">,
): string | undefined {
  return plan.namespaces.ipc === "private" ? place(store, id) : undefined;
}

/** The same of the container whose ipc namespace it joins; undefined where there is none to share. */
export function joinedSharedMemory(store: ContainerStore, { plan }: Pick<ContainerRecord, "plan">): string | undefined {
  const { ipc } = plan.namespaces;
  if (typeof ipc === "string" || "path" in ipc) return undefined;
  const other = store.find(ipc.container);
  const shared = ownSharedMemory(store, other) ?? joinedSharedMemory(store, other);
  return shared !== undefined && existsSync(shared) ? shared : undefined;
}

/** Does nothing where there is none. Throws RunnerError ENGINE. */
export async function releaseSharedMemory(store: ContainerStore, id: string): Promise<void> {
  const folder = place(store, id);
  if (!existsSync(folder)) return;
  // Lazily: whoever shares it still has it. It may not have been mounted yet.
  await promisify(execFile)("umount", ["--lazy", "--quiet", folder]).catch(() => undefined);
  try {
    await rmdir(folder);
  } catch (cause) {
    throw new RunnerError("ENGINE", `Cannot unmount "${folder}"`, { cause });
  }
}

function place(store: ContainerStore, id: string): string {
  return join(store.folder(id), "task/shm");
}
