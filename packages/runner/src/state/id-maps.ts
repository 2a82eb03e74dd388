import { mkdirSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { RunnerError } from "../errors.ts";
import type { IdMaps } from "../spec/namespaces.ts";
import type { ContainerRecord, ContainerStore } from "./container-store.ts";
import { hasCode } from "./system-error.ts";

/** Ids that a container gets with `auto`. */
const size = 65_536;
// Above what systemd gives to its own containers (0x0008_0000 to 0x6FFF_FFFF), below where signed numbers end.
const first = 0x7000_0000;
const slots = 0x1000_0000 / size;

/*
 * `auto` gives each container ids that no other of this machine has: the lowest free range. Below the
 * state folder `ids/NUMBER` is a symlink that says which container's it is, made by whoever takes it;
 * one whose container is gone is free. `containers/ID/ids` says the same the other way round. Who joins
 * another's network has the same ids, so that it can join the user namespace that owns it.
 */

/** Ids for the user namespace of a container: those it has, else some of its own from now on. undefined: those of the host. */
export function idMapsOf(
  store: ContainerStore,
  { id, plan }: Pick<ContainerRecord, "id" | "plan">,
): IdMaps | undefined {
  const { user } = plan.namespaces;
  if (user === "host") return undefined;
  if (typeof user === "object") return user;
  if (user === "keep-id")
    throw new RunnerError(
      "UNSUPPORTED",
      "Cannot keep the caller's id in the container: that is for engines without root",
    );
  return rangeOf(slotOf(store, id) ?? sharedSlot(store, id, plan) ?? takeSlot(store, id));
}

/** Gives back what `idMapsOf` gave, unless others share it; before the container's folder goes. */
export function releaseIdMaps(store: ContainerStore, id: string): void {
  const slot = slotOf(store, id);
  if (slot === undefined) return;
  const path = join(store.root, "ids", `${slot}`);
  if (readLink(path) !== id) return;
  const heir = store.list().find((other) => other.id !== id && slotOf(store, other.id) === slot);
  if (heir === undefined) return rmSync(path, { force: true });
  const made = `${path}.${process.pid}`;
  symlinkSync(heir.id, made);
  renameSync(made, path);
}

/** Makes another container the owner of what `idMapsOf` gave to one that is only a folder. */
export function handOnIdMaps(store: ContainerStore, from: string, to: string): void {
  const slot = slotOf(store, from);
  if (slot === undefined) return;
  const path = join(store.root, "ids", `${slot}`);
  symlinkSync(`${slot}`, join(store.folder(to), "ids"));
  symlinkSync(to, `${path}.${process.pid}`);
  renameSync(`${path}.${process.pid}`, path);
}

function rangeOf(slot: number): IdMaps {
  const range = [{ containerId: 0, hostId: first + slot * size, size }];
  return { uidMap: range, gidMap: range };
}

function slotOf(store: ContainerStore, id: string): number | undefined {
  const text = readLink(join(store.folder(id), "ids"));
  return text === undefined ? undefined : Number(text);
}

function sharedSlot(store: ContainerStore, id: string, plan: ContainerRecord["plan"]): number | undefined {
  const { network } = plan.namespaces;
  if (typeof network === "string" || !("container" in network)) return undefined;
  const slot = slotOf(store, store.find(network.container).id);
  if (slot !== undefined) symlinkSync(`${slot}`, join(store.folder(id), "ids"));
  return slot;
}

function takeSlot(store: ContainerStore, id: string): number {
  const folder = join(store.root, "ids");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const taken = new Set(readdirSync(folder));
  for (let slot = 0; slot < slots; slot++) {
    const path = join(folder, `${slot}`);
    if (taken.has(`${slot}`) && !putAside(store, path)) continue;
    try {
      symlinkSync(id, path);
    } catch (error) {
      if (hasCode(error, "EEXIST")) continue;
      throw error;
    }
    symlinkSync(`${slot}`, join(store.folder(id), "ids"));
    return slot;
  }
  throw new RunnerError("UNSUPPORTED", `Cannot give the container ids of its own: ${slots} others have them all`);
}

/** Frees a slot whose container is gone; whether it did. */
function putAside(store: ContainerStore, path: string): boolean {
  const isGone = (link: string): boolean => {
    const owner = readLink(link);
    return owner === undefined || !store.hasFolder(owner);
  };
  if (!isGone(path)) return false;
  const aside = `${path}.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch {
    return false;
  }
  // By now it may be another's.
  if (isGone(aside)) {
    rmSync(aside, { force: true });
    return true;
  }
  renameSync(aside, path);
  return false;
}

function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
