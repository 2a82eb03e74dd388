import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { hasCode } from "./system-error.ts";

/** What a file says; undefined when it is not there, or not whole. */
export function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    if (error instanceof SyntaxError || hasCode(error, "ENOENT", "ENOTDIR")) return undefined;
    throw error;
  }
}

/** Puts `value` into the file at once: who reads finds the old or the new, never a part. */
export function replaceJson(path: string, value: unknown): void {
  const made = `${path}.${process.pid}`;
  writeFileSync(made, JSON.stringify(value), { mode: 0o600 });
  renameSync(made, path);
}
