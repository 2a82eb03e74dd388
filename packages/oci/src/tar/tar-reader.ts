import { ByteReader } from "./byte-reader.ts";
import { decodeBytestring } from "../bytestring.ts";
import type { Bytes, Options } from "../content.ts";
import { OciError } from "../errors.ts";
import { maxPaxSize, parsePaxRecords } from "./pax.ts";
import { isZeroBlock, parseTarBlock, type TarBlock } from "./tar-block.ts";
import type { TarHeader, TarType } from "./tar-header.ts";

/** One entry while the archive is being read. */
export interface TarEntry {
  readonly header: TarHeader;
  /** Where the content begins, counted from the start of the tar. */
  readonly offset: number;
  /**
   * The content, `header.size` bytes, once and before the next entry is asked for; what is not read
   * is skipped. Throws OciError INVALID_ARCHIVE where the archive ends early.
   */
  readonly body: () => Bytes;
}

export interface TarLimits {
  /** Entries of the archive. Default: no limit. */
  readonly entries?: number;
  /** Bytes of the archive, headers and padding included. Default: no limit. */
  readonly bytes?: number;
}

export interface ReadTarOptions extends Options {
  readonly limits?: TarLimits;
}

/**
 * The entries of an uncompressed tar as the engines see them: Go's archive/tar, on which umoci,
 * podman and containerd stand (docs/decisions/0003-own-tar-reader.md). Ustar, PAX and GNU formats;
 * names are untouched and not to be trusted. Nothing after the end of the archive is an entry, but
 * it is read to the last byte, so that a digest over `bytes` is complete.
 *
 * Throws OciError INVALID_ARCHIVE for damage, UNSUPPORTED for sparse and multi-volume entries, and
 * LIMIT_EXCEEDED.
 */
export async function* readTar(bytes: Bytes, options: ReadTarOptions = {}): AsyncGenerator<TarEntry, void, void> {
  const reader = new ByteReader(bytes, options.limits?.bytes ?? Infinity, options.signal);
  const maxEntries = options.limits?.entries ?? Infinity;
  try {
    for (let count = 0; ; count++) {
      const header = await readHeader(reader);
      if (header === undefined) break;
      if (count >= maxEntries) throw new OciError("LIMIT_EXCEEDED", `Cannot read tar: more than ${maxEntries} entries`);
      const body = new Body(reader, header);
      yield { header, offset: reader.position, body: () => body.read() };
      await body.skip();
    }
    await reader.drain();
  } finally {
    await reader.close();
  }
}

class Body {
  readonly #reader: ByteReader;
  readonly #header: TarHeader;
  #left: number;
  #opened = false;

  constructor(reader: ByteReader, header: TarHeader) {
    this.#reader = reader;
    this.#header = header;
    this.#left = header.size;
  }

  async *read(): AsyncGenerator<Uint8Array, void, void> {
    if (this.#opened) throw new TypeError(`Cannot read ${JSON.stringify(this.#header.path)}: its body was read before`);
    this.#opened = true;
    while (this.#left > 0) {
      const chunk = this.#reader.takeSome(this.#left) ?? ((await this.#reader.fill()) ? undefined : this.#truncated());
      if (chunk === undefined) continue;
      this.#left -= chunk.byteLength;
      yield chunk;
    }
  }

  /** What is left of the body, and the padding up to the next header. */
  async skip(): Promise<void> {
    this.#opened = true;
    const left = this.#left;
    this.#left = 0;
    if (left > 0) {
      const missing = await this.#reader.skip(left);
      if (missing > 0) {
        this.#left = missing;
        this.#truncated();
      }
    }
    // Some writers leave out the padding of the last entry; Go and GNU tar let them.
    if (this.#header.size % 512 !== 0) await this.#reader.skip(512 - (this.#header.size % 512));
  }

  #truncated(): never {
    const { path, size } = this.#header;
    throw new OciError(
      "INVALID_ARCHIVE",
      `Cannot read tar entry ${JSON.stringify(path)}: the archive ends after ${size - this.#left} of ${size} bytes`,
    );
  }
}

/** What the extension headers before an entry say about it. */
interface Extensions {
  pax?: ReadonlyMap<string, Uint8Array>;
  gnuName?: string;
  gnuLink?: string;
}

/** The next entry's header; undefined at the end of the archive. */
async function readHeader(reader: ByteReader): Promise<TarHeader | undefined> {
  const extensions: Extensions = {};
  let extended = false;
  for (;;) {
    const at = reader.position;
    const bytes = await readBlock(reader, extended);
    if (bytes === undefined) return undefined;
    const block = parseTarBlock(bytes, at);
    if (block.typeflag === "x") extensions.pax = await readPax(reader, block);
    // Engines ignore global headers; a path or an owner for everyone is a trick, not a need.
    else if (block.typeflag === "g") await readPax(reader, block);
    else if (block.typeflag === "L") extensions.gnuName = await readLongName(reader, block);
    else if (block.typeflag === "K") extensions.gnuLink = await readLongName(reader, block);
    // A volume label.
    else if (block.typeflag === "V") await reader.skip(padded(block.size));
    else return mergeHeader(block, extensions);
    extended = true;
  }
}

/** A header block; undefined where the archive ends: two blocks of zeros, one and nothing more, or nothing more. */
async function readBlock(reader: ByteReader, extended: boolean): Promise<Uint8Array | undefined> {
  const at = reader.position;
  const block = reader.takeNow(512) ?? (await reader.take(512));
  if (block.byteLength === 512 && !isZeroBlock(block)) return block;
  if (extended) throw damage(at, "an extension header without an entry");
  if (block.byteLength === 0) return undefined;
  if (block.byteLength < 512) throw damage(at, `the archive ends within a header, after ${block.byteLength} bytes`);
  const second = await reader.take(512);
  if (second.byteLength === 0 || (second.byteLength === 512 && isZeroBlock(second))) return undefined;
  throw damage(at, "a single block of zeros");
}

/** The content of an extension header, padding skipped. */
async function readExtension(reader: ByteReader, block: TarBlock): Promise<Uint8Array> {
  const at = reader.position;
  if (block.size > maxPaxSize)
    throw new OciError(
      "INVALID_ARCHIVE",
      `Cannot read tar: extension header at byte ${at} of ${block.size} bytes, the limit is ${maxPaxSize}`,
    );
  const bytes = (await reader.take(padded(block.size))).subarray(0, block.size);
  if (bytes.byteLength < block.size) throw damage(at, "the archive ends within an extension header");
  return bytes;
}

async function readPax(reader: ByteReader, block: TarBlock): Promise<Map<string, Uint8Array>> {
  const at = reader.position;
  const bytes = await readExtension(reader, block);
  try {
    return parsePaxRecords(bytes);
  } catch (error) {
    throw damage(at, error instanceof Error ? error.message : String(error), error);
  }
}

async function readLongName(reader: ByteReader, block: TarBlock): Promise<string> {
  const bytes = await readExtension(reader, block);
  const end = bytes.indexOf(0);
  return decodeBytestring(end < 0 ? bytes : bytes.subarray(0, end));
}

const types: ReadonlyMap<string, TarType> = new Map([
  ["0", "file"],
  ["\0", "file"],
  ["1", "hardlink"],
  ["2", "symlink"],
  ["3", "char"],
  ["4", "block"],
  ["5", "directory"],
  ["6", "fifo"],
]);

const noXattrs: ReadonlyMap<string, Uint8Array> = new Map();

/** What block and extensions say together: GNU names win over PAX, PAX over the block, an empty record says nothing. */
function mergeHeader(block: TarBlock, extensions: Extensions): TarHeader {
  const { pax } = extensions;
  const name = extensions.gnuName ?? text(pax, "path") ?? block.name;
  if (block.typeflag === "S" || (pax !== undefined && isSparse(pax)))
    throw new OciError("UNSUPPORTED", `Cannot read tar entry ${JSON.stringify(name)}: it is a sparse file`, {
      hint: "Write the archive without --sparse",
    });
  if (block.typeflag === "M" || block.typeflag === "D")
    throw new OciError(
      "UNSUPPORTED",
      `Cannot read tar entry ${JSON.stringify(name)}: it is of a multi-volume or incremental archive`,
    );

  // Before POSIX a directory was a file whose name ends with a slash. Unknown kinds are files (POSIX pax §ustar).
  const old = block.typeflag === "\0" && name.endsWith("/");
  const type = old ? "directory" : (types.get(block.typeflag) ?? "file");
  const size = number(pax, "size", name) ?? block.size;
  return {
    path: withoutTrailingSlash(name),
    type,
    mode: block.mode & 0o7777,
    uid: inRange(number(pax, "uid", name) ?? block.uid, "uid", name),
    gid: inRange(number(pax, "gid", name) ?? block.gid, "gid", name),
    uname: text(pax, "uname") ?? block.uname,
    gname: text(pax, "gname") ?? block.gname,
    // Links and devices have no body, whatever their size says: old writers put the target's there.
    size: type === "file" ? inRange(size, "size", name) : 0,
    mtime: inRange(number(pax, "mtime", name) ?? block.mtime, "mtime", name),
    linkname:
      type === "hardlink" || type === "symlink" ? (extensions.gnuLink ?? text(pax, "linkpath") ?? block.linkname) : "",
    devmajor: type === "char" || type === "block" ? inRange(block.devmajor, "devmajor", name) : 0,
    devminor: type === "char" || type === "block" ? inRange(block.devminor, "devminor", name) : 0,
    xattrs: pax === undefined ? noXattrs : xattrs(pax),
  };
}

function text(pax: ReadonlyMap<string, Uint8Array> | undefined, key: string): string | undefined {
  const value = pax?.get(key);
  return value === undefined || value.byteLength === 0 ? undefined : decodeBytestring(value);
}

function number(pax: ReadonlyMap<string, Uint8Array> | undefined, key: string, name: string): number | undefined {
  const value = text(pax, key);
  if (value === undefined) return undefined;
  if (!(key === "mtime" ? /^-?\d{1,19}(?:\.\d*)?$/ : /^-?\d{1,19}$/).test(value))
    throw new OciError(
      "INVALID_ARCHIVE",
      `Cannot read tar entry ${JSON.stringify(name)}: PAX ${key} ${JSON.stringify(value)} is not a number`,
    );
  return Number(value);
}

function inRange(
  value: number,
  field: "uid" | "gid" | "size" | "mtime" | "devmajor" | "devminor",
  name: string,
): number {
  if (field === "mtime" ? Math.abs(value) <= Number.MAX_SAFE_INTEGER : Number.isSafeInteger(value) && value >= 0)
    return value;
  throw new OciError(
    "INVALID_ARCHIVE",
    `Cannot read tar entry ${JSON.stringify(name)}: ${field} ${value} is out of range`,
  );
}

function xattrs(pax: ReadonlyMap<string, Uint8Array>): ReadonlyMap<string, Uint8Array> {
  let found: Map<string, Uint8Array> | undefined;
  for (const [key, value] of pax)
    if (key.startsWith("SCHILY.xattr.")) (found ??= new Map()).set(key.slice("SCHILY.xattr.".length), value);
  return found ?? noXattrs;
}

function isSparse(pax: ReadonlyMap<string, Uint8Array>): boolean {
  for (const key of pax.keys()) if (key.startsWith("GNU.sparse.")) return true;
  return false;
}

function withoutTrailingSlash(name: string): string {
  let end = name.length;
  while (end > 1 && name.charCodeAt(end - 1) === 0x2f) end--;
  return end === name.length ? name : name.slice(0, end);
}

function padded(size: number): number {
  return Math.ceil(size / 512) * 512;
}

function damage(at: number, detail: string, cause?: unknown): OciError {
  return new OciError(
    "INVALID_ARCHIVE",
    `Cannot read tar at byte ${at}: ${detail}`,
    cause === undefined ? {} : { cause },
  );
}
