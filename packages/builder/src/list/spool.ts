import { randomBytes } from "node:crypto";
import { closeSync, constants, openSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Bytes, makeFolder } from "@lading/oci";
import { BuildError } from "../errors.ts";

/** A file without a name, so that nothing is left of it however the build ends. */
export class Spool implements Readable {
  static readonly #abandoned = new FinalizationRegistry(closeSync);
  readonly #fd: number;
  #size = 0;

  /** `cacheDir` has room for it in `tmp/`. Default: the system's folder for temporary files. */
  constructor(cacheDir: string | undefined) {
    const folder = cacheDir === undefined ? tmpdir() : join(cacheDir, "tmp");
    const path = join(folder, `lading-${randomBytes(12).toString("hex")}.tar`);
    try {
      makeFolder(folder);
      this.#fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
      Spool.#abandoned.register(this, this.#fd);
      // Another build may have tidied it away in between.
      rmSync(path, { force: true });
    } catch (cause) {
      throw new BuildError("OUTPUT", `Cannot make a temporary file in ${folder}`, { cause });
    }
  }

  /** Keeps what passes through. */
  async *fill(bytes: Bytes): Bytes {
    for await (const chunk of bytes) {
      try {
        for (let at = 0; at < chunk.byteLength;)
          at += writeSync(this.#fd, chunk, at, chunk.byteLength - at, this.#size + at);
      } catch (cause) {
        throw new BuildError("OUTPUT", "Cannot write what was unpacked to a temporary file", { cause });
      }
      this.#size += chunk.byteLength;
      yield chunk;
    }
  }

  read(offset: number, length: number): Uint8Array {
    const bytes = Buffer.allocUnsafeSlow(length);
    for (let at = 0; at < length;) {
      const count = readSync(this.#fd, bytes, at, length - at, offset + at);
      if (count === 0) throw new Error(`Cannot read a temporary file at ${offset + at}: it has ${this.#size} bytes`);
      at += count;
    }
    return bytes;
  }
}

/** What bytes can be had of in any order. */
export interface Readable {
  read(offset: number, length: number): Uint8Array;
}

const pieceSize = 1 << 20;

/** A part of it, a piece after the other. */
export async function* pieces(from: Readable, offset: number, size: number): Bytes {
  for (let at = 0; at < size; at += pieceSize) yield from.read(offset + at, Math.min(pieceSize, size - at));
}
