import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdirSync } from "node:fs";
import { readdir, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { hasCode, isMissing } from "./file-bytes.ts";

/** A path in `folder` that no other file has, to write to before a rename. */
export function temporaryPath(folder: string): string {
  return join(folder, `.lading-${process.pid}-${randomBytes(6).toString("hex")}`);
}

/** As `temporaryPath`, the same one for all processes that give the same text. */
export function temporaryPathFor(folder: string, text: string): string {
  return join(folder, `.lading-0-${createHash("sha256").update(text).digest("hex").slice(0, 12)}`);
}

/** Whether a file of this name is being written, or was when its process was killed. */
export function isTemporary(name: string): boolean {
  return /^\.lading-\d+-[0-9a-f]{12}$/.test(name);
}

const staleAfter = 24 * 60 * 60 * 1000;

/** Removes what killed processes left in a folder more than a day ago. */
export async function removeStale(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  for (const path of names.filter(isTemporary).map((name) => join(folder, name))) {
    const info = await stat(path).catch(() => undefined);
    if (info === undefined || Date.now() - info.mtimeMs <= staleAfter) continue;
    // It may be another user's, or the disk read-only: then it stays.
    await rm(path, { force: true }).catch(() => undefined);
  }
}

/** Makes a folder and those above it where they are missing; whether it was missing. Throws the system's error. */
export function makeFolder(path: string, mode?: number): boolean {
  try {
    mkdirSync(path, { mode });
    return true;
  } catch (error) {
    if (hasCode(error, "EEXIST")) return false;
    // In /proc a folder cannot be made although its parent is there; Node's `recursive` tries for ever.
    if (!isMissing(error) || existsSync(dirname(path))) throw error;
  }
  makeFolder(dirname(path), mode);
  return makeFolder(path, mode);
}
