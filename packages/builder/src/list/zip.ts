import { crc32, createInflateRaw, inflateRawSync } from "node:zlib";
import { pipeline } from "node:stream/promises";
import type { Bytes, Options, TarHeader, TarType } from "@lading/oci";
import { type Entry, fromRandomAccessReaderPromise, RandomAccessReader } from "yauzl";
import { pieces, type Readable } from "./spool.ts";

/** A file, folder or symlink of a zip, as a tar would have it. */
export interface ZipMember {
  readonly header: TarHeader;
  /** Where its bytes are in the zip. */
  readonly offset: number;
  readonly packed: Packed;
}

/** How the bytes of a zip's member are in it. */
export interface Packed {
  readonly deflated: boolean;
  /** How many they are. */
  readonly size: number;
  /** CRC-32 of what they unpack to. */
  readonly crc32: number;
}

/**
 * What is in a zip, by its central directory. Refused, with an Error that names it, is whatever readers understand
 * differently or that unpacks to more than there is: names that climb, start at the root or have backslashes, files that are there
 * twice, encryption, members that lie in one another, sizes that deflate cannot reach.
 */
export async function readZip(file: Readable, size: number, { signal }: Options = {}): Promise<ZipMember[]> {
  const zip = await fromRandomAccessReaderPromise(new Window(file, size), size, {
    autoClose: false,
    strictFileNames: true,
    // Looked at below, where the file can be named.
    validateEntrySizes: false,
  }).catch(reworded);
  const members: ZipMember[] = [];
  const spans: Span[] = [];
  const names = new Set<string>();
  try {
    for await (const entry of zip.eachEntry()) {
      signal?.throwIfAborted();
      const name = entry.fileName;
      refuse(entry);
      if (names.has(name) && !name.endsWith("/")) throw new Error(`it holds "${name}" twice`);
      names.add(name);
      const { offset } = spanOf(file, size, entry);
      spans.push({ name, start: entry.relativeOffsetOfLocalHeader, end: offset + entry.compressedSize });
      members.push(memberOf(file, entry, offset));
    }
  } catch (error) {
    throw signal?.aborted === true ? error : reworded(error);
  }
  refuseOverlaps(spans);
  return members;
}

/** The bytes of a file of a zip. Throws Error when they are not what its directory says. */
export async function* unzipped(from: Readable, { header, offset, packed }: ZipMember): Bytes {
  const damaged = (cause?: unknown): Error =>
    new Error(`"${header.path}" in it is damaged: it does not unpack to what the directory says`, { cause });
  let size = 0;
  let sum = 0;
  try {
    for await (const chunk of inflated(from, offset, packed, header.size)) {
      size += chunk.byteLength;
      if (size > header.size) break;
      sum = crc32(chunk, sum);
      yield chunk;
    }
  } catch (error) {
    throw error instanceof Error && "code" in error && /^(?:Z_|ERR_BUFFER_)/.test(String(error.code))
      ? damaged(error)
      : error;
  }
  if (size !== header.size || sum !== packed.crc32) throw damaged();
}

/** More at a time is too much memory; less is not worth a stream. */
const atOnce = 1 << 20;

async function* inflated(from: Readable, offset: number, packed: Packed, size: number): Bytes {
  if (!packed.deflated) yield* pieces(from, offset, packed.size);
  else if (Math.max(size, packed.size) <= atOnce)
    // One byte more, so that what is too long is not taken for whole.
    yield inflateRawSync(from.read(offset, packed.size), { maxOutputLength: size + 1 });
  else {
    const stream = createInflateRaw({ chunkSize: 1 << 18 });
    // Whatever fails destroys the stream, and so reaches the loop below.
    pipeline(pieces(from, offset, packed.size), stream).catch(() => {});
    for await (const chunk of stream) yield chunk;
  }
}

function refuse(entry: Entry): void {
  const { fileName: name, compressionMethod: method } = entry;
  if (entry.isEncrypted()) throw new Error(`"${name}" in it is encrypted`);
  if (method !== 0 && method !== 8)
    throw new Error(`"${name}" in it is packed by method ${method}: only stored and deflated can be read`);
  if (method === 0 && entry.compressedSize !== entry.uncompressedSize)
    throw new Error(
      `"${name}" in it is stored in ${entry.compressedSize} bytes and says to be ${entry.uncompressedSize}`,
    );
  // No byte of deflate stands for more than 1032 (RFC 1951: 258 bytes in two bits).
  if (entry.uncompressedSize > entry.compressedSize * 1032)
    throw new Error(`"${name}" in it says to unpack ${entry.compressedSize} bytes to ${entry.uncompressedSize}`);
}

/** Where a member is, its local header included. */
interface Span {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

const localHeaderSize = 30;

function spanOf(file: Readable, size: number, entry: Entry): { readonly offset: number } {
  const start = entry.relativeOffsetOfLocalHeader;
  const outside = (): Error => new Error(`"${entry.fileName}" in it ends behind its end`);
  if (start + localHeaderSize > size) throw outside();
  const header = Buffer.from(file.read(start, localHeaderSize));
  if (header.readUInt32LE(0) !== 0x04034b50) throw new Error(`"${entry.fileName}" in it is not where it should be`);
  const offset = start + localHeaderSize + header.readUInt16LE(26) + header.readUInt16LE(28);
  if (offset + entry.compressedSize > size) throw outside();
  return { offset };
}

/** Members that share bytes are how a small zip unpacks to a huge amount (David Fifield, "A better zip bomb"). */
function refuseOverlaps(spans: Span[]): void {
  spans.sort((a, b) => a.start - b.start);
  for (const [at, { name, start }] of spans.entries()) {
    const before = spans[at - 1];
    if (before !== undefined && before.end > start) throw new Error(`"${before.name}" and "${name}" in it overlap`);
  }
}

function memberOf(file: Readable, entry: Entry, offset: number): ZipMember {
  const { fileName: name, compressedSize, uncompressedSize, compressionMethod, externalFileAttributes } = entry;
  // What the upper half says has a meaning where a Unix program made the entry (APPNOTE 4.4.2).
  const unix = entry.versionMadeBy >> 8 === 3 ? externalFileAttributes >>> 16 : 0;
  const type = typeOf(name, unix);
  const packed: Packed = { deflated: compressionMethod === 8, size: compressedSize, crc32: entry.crc32 };
  const header: TarHeader = {
    path: name.replace(/\/$/, ""),
    type,
    mode: unix & 0o7777 || (type === "directory" ? 0o755 : 0o644),
    uid: 0,
    gid: 0,
    uname: "",
    gname: "",
    size: type === "file" ? uncompressedSize : 0,
    // Nobody knows in which zone a plain DOS time is meant; that it is always the same one matters more.
    mtime: Math.floor(entry.getLastModDate({ timezone: "UTC" }).getTime() / 1000),
    linkname: type === "symlink" ? linkText(file, name, offset, packed, uncompressedSize) : "",
    devmajor: 0,
    devminor: 0,
    xattrs: new Map(),
  };
  return { header, offset, packed };
}

function typeOf(name: string, unix: number): TarType & ("file" | "directory" | "symlink") {
  const kind = unix & 0o170000;
  if (name.endsWith("/")) return "directory";
  if (kind === 0o120000) return "symlink";
  // Info-ZIP writes that of a FIFO to what it read from a pipe.
  if (kind === 0 || kind === 0o100000 || kind === 0o010000) return "file";
  throw new Error(`"${name}" in it is no file, folder or symlink`);
}

/** PATH_MAX of Linux. */
const longestLink = 4096;

function linkText(file: Readable, name: string, offset: number, packed: Packed, size: number): string {
  if (size === 0 || size >= longestLink || packed.size > 2 * longestLink)
    throw new Error(`"${name}" in it is a symlink of ${size} bytes`);
  const bytes = file.read(offset, packed.size);
  const text = packed.deflated ? inflateRawSync(bytes, { maxOutputLength: longestLink }) : bytes;
  return Buffer.from(text).toString();
}

/** What yauzl says, as the end of a sentence about the zip. */
function reworded(error: unknown): never {
  const text = error instanceof Error ? error.message : String(error);
  const [, what, name] =
    /^(invalid relative path|absolute path|invalid characters in fileName): (.*)$/s.exec(text) ?? [];
  if (name !== undefined)
    throw new Error(
      `"${name}" in it ${what === "absolute path" ? "starts at a root" : what === "invalid relative path" ? 'climbs by ".."' : "has a backslash in its name"}`,
      { cause: error },
    );
  if (/^End of central directory|^unexpected EOF/.test(text))
    throw new Error("it has no directory at its end: it is cut short, or no zip", { cause: error });
  throw error instanceof Error ? error : new Error(text);
}

/** Gives the directory a piece at a time: yauzl asks for it in very small ones. */
class Window extends RandomAccessReader {
  readonly #file: Readable;
  readonly #size: number;
  #bytes: Uint8Array = new Uint8Array(0);
  #start = 0;

  constructor(file: Readable, size: number) {
    super();
    this.#file = file;
    this.#size = size;
  }

  override read(
    target: Buffer,
    at: number,
    length: number,
    position: number,
    callback: (error: Error | null, count?: number) => void,
  ): void {
    let count: number;
    try {
      if (position < this.#start || position + length > this.#start + this.#bytes.length) {
        const end = Math.min(this.#size, position + Math.max(length, 1 << 18));
        this.#bytes = position < end ? this.#file.read(position, end - position) : new Uint8Array(0);
        this.#start = position;
      }
      const from = position - this.#start;
      const found = this.#bytes.subarray(from, from + length);
      target.set(found, at);
      count = found.length;
    } catch (error) {
      callback(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    callback(null, count);
  }
}
