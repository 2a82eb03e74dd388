import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { hasCode, isMissing } from "./file-bytes.ts";

/** Names that begin so are of files that are being written, or of a process that was killed on the way. */
export const temporaryPrefix = ".lading-";

/** A path in `folder` that no other file has, to write to before a rename. */
export function temporaryPath(folder: string): string {
  return join(folder, `${temporaryPrefix}${process.pid}-${randomBytes(6).toString("hex")}`);
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
  mkdirSync(path, { mode });
  return true;
}
