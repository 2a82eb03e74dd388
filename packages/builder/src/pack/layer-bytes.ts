import { type Bytes, encodeTarHeader, type TarHeaderInput, tarTrailerSize, writeTarHeader } from "@lading/oci";
import { crc32 } from "node:zlib";
import type { LayerEntry } from "../entry.ts";
import { BuildError } from "../errors.ts";
import { SourceFile } from "./source-file.ts";

const BLOCK = 512;

/** The rest of an entry's body. */
interface Body {
  readonly remaining: number;
  read(target: Uint8Array, offset: number): number | Promise<number>;
  close(): void | Promise<void>;
}

/**
 * A layer's tar as a stream that is pulled into buffers of any size: headers are written and files
 * are read straight into them. Everything about the bytes is decided by the entries; the files are
 * opened one at a time, when it is their turn.
 */
export class LayerBytes {
  readonly #entries: readonly LayerEntry[];
  readonly #signal: AbortSignal | undefined;
  readonly #checksums: Uint32Array;
  #index = 0;
  #position = 0;
  #done = false;
  /** Bytes that are made but did not fit; they come next. */
  #carry: Uint8Array = new Uint8Array(0);
  #body: Body | undefined;
  /** Zero bytes due after the body. */
  #padding = 0;

  constructor(entries: readonly LayerEntry[], signal?: AbortSignal) {
    this.#entries = entries;
    this.#signal = signal;
    this.#checksums = new Uint32Array(entries.length);
  }

  /** Whether the last byte has been given out. */
  get done(): boolean {
    return this.#done;
  }

  /** Bytes given out. */
  get position(): number {
    return this.#position;
  }

  /** CRC-32 of every file's content, by the place of its entry; to tell a changed file from a touched one. */
  get checksums(): Uint32Array {
    return this.#checksums;
  }

  /**
   * Fill `target`, wholly unless the layer ends; returns the count. Throws BuildError SOURCE_CHANGED
   * when a file is not what was listed.
   */
  async read(target: Uint8Array): Promise<number> {
    let at = 0;
    while (at < target.length && !this.#done) {
      if (this.#carry.length > 0) {
        const count = Math.min(this.#carry.length, target.length - at);
        target.set(this.#carry.subarray(0, count), at);
        this.#carry = this.#carry.subarray(count);
        at += count;
      } else if (this.#body !== undefined) {
        const read = this.#body.read(target, at);
        const count = typeof read === "number" ? read : await read;
        this.#sum(target.subarray(at, at + count));
        at += count;
        if (this.#body.remaining === 0) await this.#endBody();
      } else if (this.#padding > 0) {
        const count = Math.min(this.#padding, target.length - at);
        target.fill(0, at, at + count);
        this.#padding -= count;
        at += count;
      } else {
        at = this.#next(target, at);
      }
      this.#done = this.#index > this.#entries.length && this.#padding === 0;
    }
    this.#position += at;
    return at;
  }

  /** Let go of the file that is open, after a failure. */
  async close(): Promise<void> {
    await this.#body?.close();
    this.#body = undefined;
  }

  /** Start the next entry, or the end of the archive. */
  #next(target: Uint8Array, at: number): number {
    const entry = this.#entries[this.#index];
    this.#index += 1;
    if (entry === undefined) {
      this.#padding = tarTrailerSize;
      return at;
    }
    const end = this.#header(tarHeader(entry), target, at);
    if (entry.type === "file") this.#startBody(entry);
    return end;
  }

  /** Write a header where it belongs when there is room for sure, else beside it. */
  #header(header: TarHeaderInput, target: Uint8Array, at: number): number {
    try {
      if (target.length - at >= headerRoom(header)) return at + writeTarHeader(target, at, header);
      this.#carry = encodeTarHeader(header);
      return at;
    } catch (cause) {
      // What no tar can hold: a NUL in a name, a number out of range.
      if (cause instanceof TypeError) throw new BuildError("SPEC", cause.message, { cause });
      throw cause;
    }
  }

  #startBody(entry: LayerEntry & { type: "file" }): void {
    const { content, size } = entry;
    switch (content.kind) {
      case "literal":
        this.#carry = this.#carry.length > 0 ? joined(this.#carry, content.bytes) : content.bytes;
        this.#checksums[this.#index - 1] = crc32(content.bytes);
        break;
      case "disk":
        this.#body = new SourceFile(content.path, content.stat);
        break;
      case "member":
        this.#body = new MemberBody(content.path, size, content.open({ signal: this.#signal }));
        break;
    }
    this.#padding = -size & (BLOCK - 1);
  }

  async #endBody(): Promise<void> {
    const body = this.#body;
    this.#body = undefined;
    if (body instanceof MemberBody) await body.end();
  }

  #sum(bytes: Uint8Array): void {
    const index = this.#index - 1;
    this.#checksums[index] = crc32(bytes, this.#checksums[index]);
  }
}

/** A file of an archive that is unpacked into the layer. */
class MemberBody implements Body {
  readonly #path: string;
  readonly #chunks: AsyncIterator<Uint8Array>;
  #chunk: Uint8Array = new Uint8Array(0);
  remaining: number;

  constructor(path: string, size: number, bytes: Bytes) {
    this.#path = path;
    this.#chunks = bytes[Symbol.asyncIterator]();
    this.remaining = size;
  }

  async read(target: Uint8Array, offset: number): Promise<number> {
    while (this.#chunk.length === 0 && this.remaining > 0) {
      const { done, value } = await this.#chunks.next();
      if (done === true) throw this.#changed("ended early");
      this.#chunk = value;
    }
    const count = Math.min(this.#chunk.length, this.remaining, target.length - offset);
    target.set(this.#chunk.subarray(0, count), offset);
    this.#chunk = this.#chunk.subarray(count);
    this.remaining -= count;
    return count;
  }

  async end(): Promise<void> {
    if (this.#chunk.length > 0) throw this.#changed("is longer than its header said");
    for (;;) {
      const { done, value } = await this.#chunks.next();
      if (done === true) return;
      if (value.length > 0) throw this.#changed("is longer than its header said");
    }
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  #changed(detail: string): BuildError {
    return new BuildError(
      "SOURCE_CHANGED",
      `Cannot pack ${JSON.stringify(this.#path)}: the archive's member ${detail}`,
    );
  }
}

function tarHeader(entry: LayerEntry): TarHeaderInput {
  const { type, mode, uid, gid, mtime, xattrs } = entry;
  const meta = { path: archivePath(entry), mode, uid, gid, mtime, ...(xattrs === undefined ? {} : { xattrs }) };
  if (type === "file") return { ...meta, type, size: entry.size };
  if (type === "symlink" || type === "hardlink") return { ...meta, type, linkname: entry.linkname };
  if (type === "char" || type === "block") {
    return { ...meta, type, devmajor: entry.devmajor, devminor: entry.devminor };
  }
  return type === "whiteout" || type === "opaque" ? { ...meta, type: "file", mode: 0 } : { ...meta, type };
}

/** Deletions are files with reserved names (image-spec layer.md §Whiteouts). */
function archivePath({ type, path }: LayerEntry): string {
  if (type === "opaque") return path === "" ? ".wh..wh..opq" : `${path}/.wh..wh..opq`;
  if (type !== "whiteout") return path;
  const slash = path.lastIndexOf("/") + 1;
  return `${path.slice(0, slash)}.wh.${path.slice(slash)}`;
}

/** No header, extensions included, is longer: a UTF-16 unit becomes at most three bytes. */
function headerRoom({ path, linkname = "", xattrs }: TarHeaderInput): number {
  let room = 6 * BLOCK + 3 * (path.length + linkname.length);
  if (xattrs !== undefined) for (const [name, value] of xattrs) room += 3 * name.length + value.length + 64;
  return room;
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(first.length + second.length);
  bytes.set(first);
  bytes.set(second, first.length);
  return bytes;
}
