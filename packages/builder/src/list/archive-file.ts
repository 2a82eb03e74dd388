import { createHash } from "node:crypto";
import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from "node:fs";
import type { Bytes } from "@lading/oci";
import { diskPath, unreadable } from "./context.ts";
import { BuildError } from "../errors.ts";
import type { Readable } from "./spool.ts";

const chunkSize = 1 << 20;

/** An archive on disk that must stay what it was when it was listed. Throws BuildError SOURCE_CHANGED, SOURCE_UNREADABLE. */
export class ArchiveFile implements Readable {
  readonly #fd: number;
  readonly #name: string;
  readonly #stat: Stats;
  readonly #hash = createHash("sha256");
  #hashed = 0;

  constructor(path: string, name: string, stat: Stats) {
    this.#name = name;
    this.#stat = stat;
    try {
      this.#fd = openSync(diskPath(path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    } catch (cause) {
      throw unreadable(name, cause);
    }
    try {
      this.check();
    } catch (cause) {
      this.close();
      throw cause;
    }
  }

  read(offset: number, length: number): Uint8Array {
    const bytes = Buffer.allocUnsafeSlow(length);
    for (let at = 0; at < length;) {
      const count = this.#readAt(bytes, at, offset + at);
      if (count === 0) throw changed(this.#name);
      at += count;
    }
    return bytes;
  }

  /** The whole file, once. */
  async *stream(signal: AbortSignal | undefined): Bytes {
    while (this.#hashed < this.#stat.size) {
      signal?.throwIfAborted();
      yield this.#next();
    }
  }

  /** Of the whole file, also of what nobody read of the stream: decompressors stop at the end of theirs. */
  digest(): string {
    while (this.#hashed < this.#stat.size) this.#next();
    this.check();
    return this.#hash.digest("hex");
  }

  check(): void {
    const now = fstatSync(this.#fd);
    const { ino, dev, size, mtimeMs, ctimeMs } = this.#stat;
    if (now.ino !== ino || now.dev !== dev || now.size !== size || now.mtimeMs !== mtimeMs || now.ctimeMs !== ctimeMs)
      throw changed(this.#name);
  }

  close(): void {
    closeSync(this.#fd);
  }

  #next(): Uint8Array {
    const chunk = this.read(this.#hashed, Math.min(chunkSize, this.#stat.size - this.#hashed));
    this.#hash.update(chunk);
    this.#hashed += chunk.byteLength;
    return chunk;
  }

  #readAt(bytes: Uint8Array, at: number, position: number): number {
    try {
      return readSync(this.#fd, bytes, at, bytes.byteLength - at, position);
    } catch (cause) {
      throw unreadable(this.#name, cause);
    }
  }
}

export function changed(name: string): BuildError {
  return new BuildError("SOURCE_CHANGED", `Cannot unpack "${name}": it changed since it was listed`, {
    hint: "Build again when nothing writes to the sources any more",
  });
}

/** Whether a file that begins with `head` is a zip: with a member, or with the end of an empty one. */
export function isZip(head: Uint8Array): boolean {
  const [p, k, a, b] = head;
  return p === 0x50 && k === 0x4b && ((a === 3 && b === 4) || (a === 5 && b === 6));
}
