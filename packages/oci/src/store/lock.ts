import { randomBytes } from "node:crypto";
import { readlinkSync } from "node:fs";
import { link, readFile, rm, stat, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Options } from "../content.ts";
import { hasCode, isMissing } from "./file-bytes.ts";
import { temporaryPath, temporaryPathFor } from "./folder.ts";

// Far more than replacing one small file takes.
const abandonedAfter = 60_000;

/**
 * Runs `task` while this process alone holds the lock file `path`. A lock whose process is gone is
 * taken over. It guards moments, not minutes: `task` replaces one small file.
 */
export async function withLock<T>(path: string, options: Options | undefined, task: () => Promise<T>): Promise<T> {
  const owner = ownerHere();
  for (let attempt = 0; !(await acquire(path, owner)); attempt += 1) {
    options?.signal?.throwIfAborted();
    await removeAbandoned(path);
    await sleep(Math.min(2 + attempt, 50) * (0.5 + Math.random()));
  }
  try {
    return await task();
  } finally {
    // A process that was stopped for a minute may have lost it to another.
    if ((await ownerOf(path)) === owner) await rm(path, { force: true });
  }
}

// A link appears with its content: there is no moment in which a lock names no owner.
async function acquire(path: string, owner: string): Promise<boolean> {
  const temporary = temporaryPath(dirname(path));
  await writeFile(temporary, owner, { flag: "wx" });
  try {
    return await tryLink(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}

/*
 * Of those who find an abandoned lock, one at a time has the right to remove it, and looks again when
 * it has that: whoever took over in between keeps the lock. The right is a lock of its own, named
 * for the owner that is gone.
 */
async function removeAbandoned(path: string): Promise<void> {
  const gone = await ownerOf(path);
  if (gone === undefined || !(await isAbandoned(path, gone))) return;
  const right = temporaryPathFor(dirname(path), gone);
  if (!(await acquire(right, ownerHere()))) return await removeAbandoned(right);
  try {
    if ((await ownerOf(path)) === gone) await rm(path, { force: true });
  } finally {
    await rm(right, { force: true });
  }
}

async function isAbandoned(path: string, owner: string): Promise<boolean> {
  const at = owner.indexOf("@");
  if (owner.slice(at + 1, owner.lastIndexOf("@")) === here() && !isAlive(Number(owner.slice(0, at)))) return true;
  const info = await stat(path).catch(() => undefined);
  return info !== undefined && Date.now() - info.mtimeMs >= abandonedAfter;
}

async function ownerOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function tryLink(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (hasCode(error, "EEXIST")) return false;
    throw error;
  }
}

/** What no other owner of a lock is called. */
function ownerHere(): string {
  return `${process.pid}@${here()}@${randomBytes(8).toString("hex")}`;
}

/** Where process numbers mean the same. Containers of a pod share the host name and not these. */
function here(): string {
  try {
    return `${hostname()}@${readlinkSync("/proc/self/ns/pid")}`;
  } catch {
    return hostname();
  }
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
