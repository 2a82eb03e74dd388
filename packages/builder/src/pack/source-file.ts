import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from "node:fs";
import { diskPath } from "../list/context.ts";
import type { FileStat } from "../entry.ts";
import { BuildError } from "../errors.ts";

/** Reading this much of a file that has changed already would be a waste: look before as well as after. */
const LARGE = 1 << 20;

/**
 * A file on disk, read once from start to end, that must still be what it was when it was listed.
 * The check is made on the open file and after the last byte: whoever wrote to it before or
 * meanwhile has changed its ctime.
 */
export class SourceFile {
  readonly #path: string;
  readonly #listed: FileStat;
  #fd: number | undefined;
  #remaining: number;

  /** Throws BuildError SOURCE_CHANGED or SOURCE_UNREADABLE. */
  constructor(path: string, listed: FileStat) {
    this.#path = path;
    this.#listed = listed;
    this.#remaining = listed.size;
    try {
      // Something else may stand here by now: do not follow a link, do not wait for a pipe's writer.
      this.#fd = openSync(diskPath(path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    } catch (cause) {
      throw unreadable(path, cause);
    }
    if (listed.size >= LARGE) this.#check();
  }

  /** Bytes not read yet. */
  get remaining(): number {
    return this.#remaining;
  }

  /** Read into `target` from `offset`, as much as there is room for or is left; returns the count. The last read closes. */
  read(target: Uint8Array, offset: number): number {
    const wanted = Math.min(this.#remaining, target.length - offset);
    let read = 0;
    while (read < wanted) {
      const count = this.#readSome(target, offset + read, wanted - read);
      if (count === 0) this.#shrunk();
      read += count;
    }
    this.#remaining -= read;
    if (this.#remaining === 0) {
      this.#check();
      this.close();
    }
    return read;
  }

  close(): void {
    if (this.#fd === undefined) return;
    closeSync(this.#fd);
    this.#fd = undefined;
  }

  get #open(): number {
    if (this.#fd === undefined) throw new TypeError(`Cannot read ${JSON.stringify(this.#path)}: it is closed`);
    return this.#fd;
  }

  #readSome(target: Uint8Array, offset: number, length: number): number {
    try {
      return readSync(this.#open, target, offset, length, null);
    } catch (cause) {
      this.#check();
      throw unreadable(this.#path, cause);
    }
  }

  #check(): void {
    const difference = differs(this.#listed, fstatSync(this.#open));
    if (difference !== undefined) throw changed(this.#path, difference);
  }

  #shrunk(): never {
    this.#check();
    throw changed(this.#path, `it ended ${this.#remaining} bytes early`);
  }
}

/** How a file differs from what was listed, in words; undefined when it does not. */
function differs(listed: FileStat, now: Stats): string | undefined {
  if (!now.isFile()) return "it is no longer a regular file";
  if (now.ino !== listed.ino || now.dev !== listed.dev) return "another file has taken its place";
  if (now.size !== listed.size) {
    return `it ${now.size > listed.size ? "grew" : "shrank"} from ${listed.size} to ${now.size} bytes`;
  }
  if (now.mtimeMs !== listed.mtimeMs) return "it was written to";
  if (now.mode !== listed.mode) {
    return `its mode went from ${(listed.mode & 0o7777).toString(8)} to ${(now.mode & 0o7777).toString(8)}`;
  }
  if (now.ctimeMs !== listed.ctimeMs) return "it was touched";
  return undefined;
}

function changed(path: string, detail: string, cause?: unknown): BuildError {
  return new BuildError("SOURCE_CHANGED", `Cannot pack ${JSON.stringify(path)}: ${detail} since it was listed`, {
    hint: "Build again when nothing writes to the sources any more",
    ...(cause === undefined ? {} : { cause }),
  });
}

function unreadable(path: string, cause: unknown): BuildError {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  if (code === "ENOENT" || code === "ENOTDIR") return changed(path, "it has vanished", cause);
  if (code === "ELOOP") return changed(path, "a symlink has taken its place", cause);
  if (code === "ENXIO") return changed(path, "it is no longer a regular file", cause);
  const detail = cause instanceof Error ? cause.message : String(cause);
  return new BuildError("SOURCE_UNREADABLE", `Cannot read ${JSON.stringify(path)}: ${detail}`, {
    cause,
    hint: "Make it readable, or exclude it",
  });
}
