import { compareBytestrings, encodeBytestring } from "../bytestring.ts";
import { encodePaxRecord, maxPaxSize } from "./pax.ts";
import type { TarHeader, TarType } from "./tar-header.ts";

/** What the writer needs of a TarHeader; the rest defaults to "", 0 and none. */
export type TarHeaderInput = Pick<TarHeader, "path" | "type" | "mode" | "uid" | "gid" | "mtime"> &
  Partial<Omit<TarHeader, "path" | "type" | "mode" | "uid" | "gid" | "mtime">>;

/** What follows the last entry: two blocks of zeros. */
export const tarTrailerSize = 1024;

/**
 * Writes the header of one entry at `offset` and returns how many bytes that took, a multiple of
 * 512: the ustar block alone when it can say everything, else a PAX header before it. The same
 * header gives the same bytes always. Directories get their trailing slash, the root ("") is "./";
 * `header.size` bytes of body and zeros up to a multiple of 512 must follow.
 *
 * Throws RangeError when `target` has no room (see `tarHeaderSize`), and TypeError for names and
 * numbers that no tar can hold.
 */
export function writeTarHeader(target: Uint8Array, offset: number, header: TarHeaderInput): number {
  const pax = isPlain(header) ? undefined : paxBlocks(header);
  const length = (pax?.byteLength ?? 0) + 512;
  if (offset < 0 || offset + length > target.byteLength)
    throw new RangeError(`Cannot write tar header: ${length} bytes needed, ${target.byteLength - offset} left`);
  if (pax !== undefined) target.set(pax, offset);
  writeUstar(target, offset + length - 512, header);
  return length;
}

/** How many bytes `writeTarHeader` needs for this header. */
export function tarHeaderSize(header: TarHeaderInput): number {
  return isPlain(header) ? 512 : 512 + paxBlocks(header).byteLength;
}

/** One header as bytes of its own; `writeTarHeader` is for many. */
export function encodeTarHeader(header: TarHeaderInput): Uint8Array {
  const target = new Uint8Array(tarHeaderSize(header));
  writeTarHeader(target, 0, header);
  return target;
}

// Field widths of ustar: numbers end with NUL, names may fill their field (POSIX.1-2017 pax §ustar).
const maxId = 0o7777777;
const maxSize = 0o77777777777;

const typeflags: Readonly<Record<TarType, number>> = {
  file: 0x30,
  hardlink: 0x31,
  symlink: 0x32,
  char: 0x33,
  block: 0x34,
  directory: 0x35,
  fifo: 0x36,
};
const paxTypeflag = 0x78;

/** Whether the ustar block alone holds this header. */
function isPlain(header: TarHeaderInput): boolean {
  return (
    fitsName(header) &&
    fitsField(header.linkname, 100) &&
    fitsField(header.uname, 32) &&
    fitsField(header.gname, 32) &&
    fitsNumber(header.uid, maxId) &&
    fitsNumber(header.gid, maxId) &&
    fitsNumber(header.size ?? 0, maxSize) &&
    fitsNumber(header.mtime, maxSize) &&
    (header.xattrs === undefined || header.xattrs.size === 0)
  );
}

function fitsNumber(value: number, max: number): boolean {
  return value >= 0 && value <= max && Number.isInteger(value);
}

function fitsField(text: string | undefined, width: number): boolean {
  return text === undefined || (text.length <= width && isAscii(text));
}

function fitsName(header: TarHeaderInput): boolean {
  const { path } = header;
  const length = header.type === "directory" ? path.length + 1 : path.length;
  return isAscii(path) && (length <= 100 || splitName(path, length) > 0);
}

/** A NUL would end the field early: it goes the way of PAX, where it is refused. */
function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit === 0 || unit > 0x7f) return false;
  }
  return true;
}

/** Where to cut a long path into ustar's prefix (155) and name (100), as Go's writer does; 0 when it cannot be. */
function splitName(path: string, length: number): number {
  const cut = path.lastIndexOf("/", Math.min(155, path.length - 1));
  return cut > 0 && length - cut - 1 <= 100 && cut < path.length - 1 ? cut : 0;
}

// The sum of the bytes written into the block at hand; functions below add to it what they write.
let sum = 0;

function writeUstar(
  target: Uint8Array,
  at: number,
  header: TarHeaderInput,
  typeflag: number = typeflags[header.type],
): void {
  sum = 0;
  target.fill(0, at, at + 512);
  writeName(target, at, header);
  writeOctal(target, at + 100, 7, header.mode & 0o7777);
  // A number that PAX says is zero here, as Go writes it: readers of PAX never look at it.
  writeOctal(target, at + 108, 7, fitsNumber(header.uid, maxId) ? header.uid : 0);
  writeOctal(target, at + 116, 7, fitsNumber(header.gid, maxId) ? header.gid : 0);
  const size = header.size ?? 0;
  writeOctal(target, at + 124, 11, size <= maxSize ? size : 0);
  const { mtime } = header;
  writeOctal(target, at + 136, 11, mtime >= 0 && mtime <= maxSize ? Math.floor(mtime) : 0);
  writeByte(target, at + 156, typeflag);
  writeText(target, at + 157, 100, header.linkname ?? "");
  // "ustar", NUL, version "00"
  writeText(target, at + 257, 5, "ustar");
  writeText(target, at + 263, 2, "00");
  writeText(target, at + 265, 32, header.uname ?? "");
  writeText(target, at + 297, 32, header.gname ?? "");
  const { devmajor = 0, devminor = 0 } = header;
  if (devmajor !== 0 || devminor !== 0 || header.type === "char" || header.type === "block") {
    if (!fitsNumber(devmajor, maxId) || !fitsNumber(devminor, maxId))
      throw refusal(header, `device ${devmajor}:${devminor} is out of range`);
    writeOctal(target, at + 329, 7, devmajor);
    writeOctal(target, at + 337, 7, devminor);
  }
  // The checksum counts its own eight bytes as spaces.
  const checksum = sum + 8 * 0x20;
  writeOctal(target, at + 148, 6, checksum);
  target[at + 155] = 0x20;
}

function writeName(target: Uint8Array, at: number, header: TarHeaderInput): void {
  const path = header.path === "" ? "." : header.path;
  const directory = header.type === "directory";
  const length = directory ? path.length + 1 : path.length;
  const cut = length > 100 && isAscii(path) ? splitName(path, length) : 0;
  const name = cut > 0 ? path.slice(cut + 1) : path;
  if (cut > 0) writeText(target, at + 345, 155, path.slice(0, cut));
  writeText(target, at, 100, name);
  if (directory && name.length < 100) writeByte(target, at + name.length, 0x2f);
}

function writeByte(target: Uint8Array, at: number, byte: number): void {
  target[at] = byte;
  sum += byte;
}

/** ASCII as it is, anything else as "?": then PAX holds the text, and this is for readers without PAX. */
function writeText(target: Uint8Array, at: number, width: number, text: string): void {
  const length = Math.min(text.length, width);
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i);
    const byte = unit > 0 && unit < 0x80 ? unit : 0x3f;
    target[at + i] = byte;
    sum += byte;
  }
}

/** `digits` octal digits; the NUL after them is there already. */
function writeOctal(target: Uint8Array, at: number, digits: number, value: number): void {
  let rest = value;
  let i = at + digits - 1;
  // Shifts work on 32 bits only.
  for (; rest > 0x7fffffff; i--) {
    const digit = 0x30 + (rest % 8);
    target[i] = digit;
    sum += digit;
    rest = Math.floor(rest / 8);
  }
  for (; i >= at; i--) {
    const digit = 0x30 + (rest & 7);
    target[i] = digit;
    sum += digit;
    rest >>>= 3;
  }
}

/**
 * A PAX header with its records, sorted by key.
 *
 * Names that are not ASCII go here as their bytes, whether they are UTF-8 or not: what Go's writer
 * does, and what GNU tar (in any locale), Go, umoci and podman read back byte by byte.
 */
function paxBlocks(header: TarHeaderInput): Uint8Array {
  const records = paxRecords(header);
  const size = records.reduce((total, record) => total + record.byteLength, 0);
  if (size > maxPaxSize) throw refusal(header, `${size} bytes of names and attributes are more than readers take`);
  const blocks = new Uint8Array(512 + Math.ceil(size / 512) * 512);
  // No process id in the name, as POSIX would have it: the same file gives the same bytes.
  const path = `PaxHeaders.0/${header.path.slice(header.path.lastIndexOf("/") + 1)}`.slice(0, 100);
  writeUstar(blocks, 0, { path, type: "file", mode: 0o644, uid: 0, gid: 0, mtime: 0, size }, paxTypeflag);
  let at = 512;
  for (const record of records) {
    blocks.set(record, at);
    at += record.byteLength;
  }
  return blocks;
}

function paxRecords(header: TarHeaderInput): Uint8Array[] {
  const { path, uid, gid, mtime, size = 0, uname, gname, linkname } = header;
  const records: Uint8Array[] = [];
  for (const [name, value] of [...(header.xattrs ?? [])].sort(([a], [b]) => compareBytestrings(a, b))) {
    if (name === "" || /[=\0]/.test(name))
      throw refusal(header, `no tar can hold the attribute ${JSON.stringify(name)}`);
    records.push(encodePaxRecord(`SCHILY.xattr.${name}`, value));
  }
  const add = (key: string, value: string): void => {
    if (value.includes("\0")) throw refusal(header, `${key} holds a NUL`);
    records.push(encodePaxRecord(key, encodeBytestring(value)));
  };
  const addInteger = (key: string, value: number): void => {
    if (!Number.isSafeInteger(value) || value < 0) throw refusal(header, `${key} ${value} is out of range`);
    add(key, String(value));
  };
  if (!fitsNumber(gid, maxId)) addInteger("gid", gid);
  if (!fitsField(gname, 32)) add("gname", gname ?? "");
  if (!fitsField(linkname, 100)) add("linkpath", linkname ?? "");
  if (!fitsNumber(mtime, maxSize)) add("mtime", decimal(header));
  if (!fitsName(header)) add("path", header.type === "directory" ? `${path}/` : path);
  if (!fitsNumber(size, maxSize)) addInteger("size", size);
  if (!fitsNumber(uid, maxId)) addInteger("uid", uid);
  if (!fitsField(uname, 32)) add("uname", uname ?? "");
  return records;
}

/** Seconds in as many digits as the number has, none below the nanosecond. */
function decimal(header: TarHeaderInput): string {
  const { mtime } = header;
  // Go and GNU tar hold seconds in 64 bits; 2^53 is where a number of ours stops being exact.
  if (!(Math.abs(mtime) <= Number.MAX_SAFE_INTEGER)) throw refusal(header, `mtime ${mtime} is out of range`);
  const text = String(mtime);
  return text.includes("e") ? mtime.toFixed(9) : text;
}

function refusal(header: TarHeaderInput, detail: string): TypeError {
  return new TypeError(`Cannot write tar header of ${JSON.stringify(header.path)}: ${detail}`);
}
