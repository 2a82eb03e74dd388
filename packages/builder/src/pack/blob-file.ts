import { randomBytes } from "node:crypto";
import { closeSync, openSync, renameSync, rmSync, statSync, writeSync } from "node:fs";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { BuildError } from "../errors.ts";

/**
 * A file that nobody sees until it is whole: written beside its place under a name of its own, and
 * renamed at the end. That name has the host and the process id in it, so that the leftovers of a
 * killed process can be told (see `isAbandoned`).
 */
export class BlobFile {
  readonly path: string;
  #fd: number | undefined;
  #size = 0;
  #committed = false;

  /** @param folder - Exists, and is on the file system of the final place. */
  constructor(folder: string) {
    this.path = join(folder, `${hostname()}.${process.pid}.${randomBytes(8).toString("hex")}`);
    this.#fd = attempt(this.path, () => openSync(this.path, "wx", 0o666));
  }

  /** Bytes written. */
  get size(): number {
    return this.#size;
  }

  /** Throws BuildError OUTPUT when the disk is full or not writable. */
  write(bytes: Uint8Array): void {
    const fd = this.#fd;
    if (fd === undefined) throw new TypeError(`Cannot write to ${JSON.stringify(this.path)}: it is closed`);
    attempt(this.path, () => writeAll(fd, bytes));
    this.#size += bytes.length;
  }

  /** Give the file its place; replaces what is there. */
  commit(path: string): void {
    attempt(path, () => {
      this.#close();
      renameSync(this.path, path);
    });
    this.#committed = true;
  }

  /** Remove the file, unless it was committed. */
  discard(): void {
    if (this.#committed) return;
    this.#close();
    rmSync(this.path, { force: true });
  }

  #close(): void {
    if (this.#fd === undefined) return;
    const fd = this.#fd;
    this.#fd = undefined;
    closeSync(fd);
  }
}

/** Write a whole small file in one step, by rename; readers see the old or the new one. */
export function replaceFile(path: string, bytes: Uint8Array | string, folder: string): void {
  const file = new BlobFile(folder);
  try {
    file.write(typeof bytes === "string" ? Buffer.from(bytes) : bytes);
    file.commit(path);
  } finally {
    file.discard();
  }
}

/** Whether an unfinished file's writer is gone: no such process here, or silent for a day elsewhere. */
export function isAbandoned(path: string): boolean {
  const written = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
  if (written === undefined || Date.now() - written > DAY_MS) return true;
  const [random = "", pid = "", ...host] = basename(path).split(".").toReversed();
  // A cache may be shared with machines and containers whose processes we cannot see.
  if (random === "" || host.toReversed().join(".") !== hostname()) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "ESRCH";
  }
}

const DAY_MS = 24 * 60 * 60 * 1000;

/** A write may take less than it was given. Exported to be tested against a full device. */
export function writeAll(fd: number, bytes: Uint8Array): void {
  let done = 0;
  while (done < bytes.length) done += writeSync(fd, bytes, done);
}

/** Do what writes to `path`; failures are the output's, in words. */
export function attempt<T>(path: string, write: () => T): T {
  try {
    return write();
  } catch (cause) {
    if (cause instanceof BuildError) throw cause;
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    const folder = JSON.stringify(dirname(path));
    if (code === "ENOSPC" || code === "EDQUOT") {
      throw new BuildError("OUTPUT", `Cannot write to the cache ${folder}: the disk is full`, {
        cause,
        hint: "Make room with `lading cache prune`, or choose another cache folder",
      });
    }
    const detail = cause instanceof Error ? cause.message : String(cause);
    throw new BuildError("OUTPUT", `Cannot write to the cache ${folder}: ${detail}`, { cause });
  }
}
