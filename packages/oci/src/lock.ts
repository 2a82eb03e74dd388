import { randomBytes } from "node:crypto";
import { link, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import type { Options } from "./content.ts";
import { hasCode, isMissing } from "./file-bytes.ts";

// Far more than replacing one small file takes.
const abandonedAfter = 60_000;

/**
 * Runs `task` while this process alone holds the lock file `path`. A lock whose process is gone is
 * taken over. It guards moments, not minutes: `task` replaces one small file.
 */
export async function withLock<T>(path: string, options: Options | undefined, task: () => Promise<T>): Promise<T> {
  for (let attempt = 0; !(await acquire(path)); attempt += 1) {
    options?.signal?.throwIfAborted();
    await removeAbandoned(path);
    await sleep(Math.min(2 + attempt, 50) * (0.5 + Math.random()));
  }
  try {
    return await task();
  } finally {
    await rm(path, { force: true });
  }
}

// A link appears with its content: there is no moment in which a lock names no owner.
async function acquire(path: string): Promise<boolean> {
  const temporary = aside(path);
  await writeFile(temporary, `${process.pid}@${hostname()}`, { flag: "wx" });
  try {
    await link(temporary, path);
    return true;
  } catch (error) {
    if (hasCode(error, "EEXIST")) return false;
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
}

async function removeAbandoned(path: string): Promise<void> {
  try {
    const [owner = "", host] = (await readFile(path, "utf8")).split("@");
    const { mtimeMs } = await stat(path);
    const dead = host === hostname() && !isAlive(Number(owner));
    if (!dead && Date.now() - mtimeMs < abandonedAfter) return;
    // Of those who see the dead owner, one gets to move the file away.
    const grave = aside(path);
    await rename(path, grave);
    await rm(grave, { force: true });
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

function aside(path: string): string {
  return `${path}-${process.pid}-${randomBytes(4).toString("hex")}`;
}

function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !hasCode(error, "ESRCH");
  }
}
