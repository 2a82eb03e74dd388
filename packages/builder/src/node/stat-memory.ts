import { createHash } from "node:crypto";
import { readFileSync, type Stats, statSync } from "node:fs";
import { join } from "node:path";
import { makeFolder } from "@lading/oci";
import { replaceFile } from "../pack/blob-file.ts";
import { isFields } from "../fields.ts";

/** Milliseconds after which a file's times tell every later change to it; FAT and old NFS know seconds only. */
const settled = 2000;

/** What was found out in files, for as long as they look as they did: `find` is not asked again then. */
export class StatMemory {
  readonly #folder: string | undefined;
  readonly #path: string;
  readonly #before: Readonly<Record<string, unknown>>;
  readonly #now: Record<string, readonly [stamp: string, value: unknown]> = {};
  #changed = false;

  /** Without a cache folder nothing is remembered. `purpose` names what is remembered. */
  constructor(cacheDir: string | undefined, purpose: string) {
    this.#folder = cacheDir;
    this.#path = join(cacheDir ?? "", "installed", createHash("sha256").update(purpose).digest("hex"));
    this.#before = cacheDir === undefined ? {} : readRecord(this.#path);
  }

  /** What `find` says of a file, or said; undefined when there is no such file. `isValue` tells what it may say. */
  of<T>(path: string, isValue: (value: unknown) => value is T, find: (path: string) => T): T | undefined {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return undefined;
    const stamp = stampOf(stat);
    const known = this.#before[path];
    if (Array.isArray(known) && known[0] === stamp && isValue(known[1])) {
      this.#now[path] = [stamp, known[1]];
      return known[1];
    }
    const value = find(path);
    if (stat.ctimeMs > Date.now() - settled) return value;
    this.#now[path] = [stamp, value];
    this.#changed = true;
    return value;
  }

  /** Keeps what was asked for, for the next time. Best effort. */
  keep(): void {
    const folder = this.#folder;
    if (folder === undefined) return;
    if (!this.#changed && Object.keys(this.#before).length === Object.keys(this.#now).length) return;
    try {
      makeFolder(join(folder, "installed"));
      makeFolder(join(folder, "tmp"));
      replaceFile(this.#path, JSON.stringify(this.#now), join(folder, "tmp"));
    } catch {
      // Without it the next build takes somewhat longer, and writing layers will tell.
    }
  }
}

function stampOf({ dev, ino, size, mtimeMs, ctimeMs }: Stats): string {
  return `${dev} ${ino} ${size} ${mtimeMs} ${ctimeMs}`;
}

function readRecord(path: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(readFileSync(path, "utf8"));
    return isFields(value) ? value : {};
  } catch {
    return {};
  }
}
