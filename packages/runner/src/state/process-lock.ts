import { readlinkSync, rmSync, symlinkSync } from "node:fs";
import { hasCode } from "./system-error.ts";
import { isAlive, type ProcessId, processId } from "./process-id.ts";

/*
 * A lock that dies with its owner: a symlink that names a process. symlink(2) makes it with what it
 * says in one step, and fails when it is there; one whose process has ended is taken over.
 */

/** Takes the lock at `path` for this process. Returns its owner when that is another one that lives. */
export function takeLock(path: string): ProcessId | undefined {
  const self = processId();
  if (self === undefined) throw new Error("Cannot lock: /proc does not know this process");
  for (;;) {
    try {
      symlinkSync(`${self.pid}:${self.start}`, path);
      return undefined;
    } catch (error) {
      if (!hasCode(error, "EEXIST")) throw error;
    }
    const owner = lockOwner(path);
    if (isAlive(owner)) return owner;
    const remover = removeDead(path, owner);
    if (remover !== undefined) return remover;
  }
}

/** Who holds the lock at `path`, alive or not. */
export function lockOwner(path: string): ProcessId | undefined {
  try {
    const text = readlinkSync(path);
    const colon = text.indexOf(":");
    return { pid: Number(text.slice(0, colon)), start: text.slice(colon + 1) };
  } catch {
    return undefined;
  }
}

/** Gives back a lock that this process holds. */
export function releaseLock(path: string): void {
  rmSync(path, { force: true });
}

/**
 * Of those who find a dead owner, one at a time has the right to remove it, and looks again when it
 * has that: whoever took over in between keeps the lock. Returns who has the right, when it is another.
 */
function removeDead(path: string, dead: ProcessId | undefined): ProcessId | undefined {
  const right = `${path}.${dead?.pid}-${dead?.start}`;
  const other = takeLock(right);
  if (other !== undefined) return other;
  try {
    const owner = lockOwner(path);
    if (owner?.pid === dead?.pid && owner?.start === dead?.start) rmSync(path, { force: true });
  } finally {
    releaseLock(right);
  }
  return undefined;
}
