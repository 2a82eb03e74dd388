import { statSync } from "node:fs";
import { join } from "node:path";
import type { Options } from "@lading/oci";
import type { ExitStatus } from "../engine.ts";
import type { ContainerRecord, ContainerState, ContainerStore } from "../state/container-store.ts";
import { isAlive } from "../state/process-id.ts";
import { lockOwner, releaseLock, takeLock } from "../state/process-lock.ts";
import { lockFile } from "./container-folder.ts";
import { FolderChanges } from "./folder-changes.ts";
import type { Workshop } from "./supervise.ts";

/** A container as it is, whatever its state file says. */
export interface Condition {
  readonly state: ContainerState;
  /** Whether it runs, starts, waits to be started again, or is being cleaned up. */
  readonly active: boolean;
  /** Whether its supervisor died before it had cleaned up. */
  readonly abandoned: boolean;
}

// Docker's, of containers that ended while nobody looked.
const unknownCode = 255;
const supervisorIsChecked = 1000; // milliseconds

/** Looks whether the processes that the state names are there. */
export function conditionOf(store: ContainerStore, { id }: Pick<ContainerRecord, "id">): Condition {
  const owner = lockOwner(join(store.folder(id), lockFile));
  const watched = isAlive(owner);
  const state = store.state(id);
  const runs = isAlive(state.process);
  if (watched || runs) return { state, active: true, abandoned: !watched };
  // Asked again: between the looks it may have written how it ended, and gone.
  const last = store.state(id);
  return {
    state: last.status === "running" ? { ...last, status: "exited", process: undefined, exit: lost(store, id) } : last,
    active: false,
    abandoned: owner !== undefined || last.status === "running",
  };
}

/** Cleans up after a supervisor that died; does nothing when its program still runs, or another one is at it. */
export async function recover(record: ContainerRecord, { store, driver, networks }: Workshop): Promise<void> {
  const { state, active, abandoned } = conditionOf(store, record);
  const lock = join(store.folder(record.id), lockFile);
  if (active || !abandoned || takeLock(lock) !== undefined) return;
  try {
    await driver.cleanUp(record);
    await networks.cleanUp(record.id);
    store.writeState(record.id, { ...state, process: undefined, supervisor: undefined, addresses: [] });
  } finally {
    releaseLock(lock);
  }
}

/** Resolves when the container is not active any more, or gone. Sleeps meanwhile. Rejects when `signal` aborts. */
export async function untilInactive(
  store: ContainerStore,
  record: ContainerRecord,
  { signal }: Options = {},
): Promise<void> {
  if (!conditionOf(store, record).active) return;
  let changes: FolderChanges;
  try {
    changes = new FolderChanges(store.folder(record.id), ["state.json", lockFile]);
  } catch {
    return;
  }
  using _ = changes;
  // A process that is killed writes nothing: so there is a look at it now and then.
  while (conditionOf(store, record).active) await changes.next({ signal, timeout: supervisorIsChecked });
}

function lost(store: ContainerStore, id: string): ExitStatus {
  const info = statSync(store.folder(id), { throwIfNoEntry: false });
  return { code: unknownCode, oomKilled: false, finishedAt: (info?.mtime ?? new Date()).toISOString() };
}
