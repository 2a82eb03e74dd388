import { decodeBytestring } from "../bytestring.ts";
import { OciError } from "../errors.ts";

/** The fields of one 512-byte header block, before extension headers have their say. */
export interface TarBlock {
  /** Prefix and name joined. */
  readonly name: string;
  readonly typeflag: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
  readonly linkname: string;
  readonly uname: string;
  readonly gname: string;
  readonly devmajor: number;
  readonly devminor: number;
}

/**
 * Reads a header block found at byte `at` of the archive. Throws OciError INVALID_ARCHIVE when its
 * checksum is wrong or a number is none.
 */
export function parseTarBlock(block: Uint8Array, at: number): TarBlock {
  verifyChecksum(block, at);
  const buffer = Buffer.from(block.buffer, block.byteOffset, 512);
  const format = formatOf(block);
  const typeflag = String.fromCharCode(block[156] ?? 0);
  const extended = format !== "v7";
  const name = text(buffer, 0, 100);
  const prefix = format === "ustar" ? text(buffer, 345, 155) : format === "star" ? text(buffer, 345, 131) : "";
  const number = (start: number, width: number, field: string): number => {
    const value = parseNumber(block, start, width);
    if (!Number.isNaN(value)) return value;
    const raw = buffer.toString("latin1", start, start + width);
    throw new OciError(
      "INVALID_ARCHIVE",
      `Cannot read tar header of ${JSON.stringify(name)} at byte ${at}: ${field} ${JSON.stringify(raw)} is not a number`,
    );
  };
  // Only devices need device numbers, and old writers leave anything there for the others.
  const device = extended && (typeflag === "3" || typeflag === "4");
  const size = number(124, 12, "size");
  if (!(size >= 0 && size <= Number.MAX_SAFE_INTEGER))
    throw new OciError(
      "INVALID_ARCHIVE",
      `Cannot read tar header of ${JSON.stringify(name)} at byte ${at}: size ${size} is out of range`,
    );
  return {
    name: prefix === "" ? name : `${prefix}/${name}`,
    typeflag,
    mode: number(100, 8, "mode"),
    uid: number(108, 8, "uid"),
    gid: number(116, 8, "gid"),
    size,
    mtime: number(136, 12, "mtime"),
    linkname: text(buffer, 157, 100),
    uname: extended ? text(buffer, 265, 32) : "",
    gname: extended ? text(buffer, 297, 32) : "",
    devmajor: device ? number(329, 8, "devmajor") : 0,
    devminor: device ? number(337, 8, "devminor") : 0,
  };
}

export function isZeroBlock(block: Uint8Array): boolean {
  if (block[0] !== 0) return false;
  for (let i = 1; i < 512; i++) if (block[i] !== 0) return false;
  return true;
}

/** The sum of all bytes, its own field counted as spaces; old writers summed signed bytes. */
function verifyChecksum(block: Uint8Array, at: number): void {
  let unsigned = 8 * 0x20;
  let high = 0;
  for (let i = 0; i < 148; i++) {
    const byte = block[i] ?? 0;
    unsigned += byte;
    high += byte >> 7;
  }
  for (let i = 156; i < 512; i++) {
    const byte = block[i] ?? 0;
    unsigned += byte;
    high += byte >> 7;
  }
  const stated = parseNumber(block, 148, 8);
  if (stated === unsigned || stated === unsigned - 256 * high) return;
  throw new OciError(
    "INVALID_ARCHIVE",
    at === 0
      ? "Cannot read tar: it does not begin with a tar header"
      : `Cannot read tar header at byte ${at}: its checksum is wrong`,
  );
}

/** Told by the magic as Go does: GNU has other fields where ustar has its prefix. */
function formatOf(block: Uint8Array): "ustar" | "star" | "gnu" | "v7" {
  if (!hasText(block, 257, "ustar")) return "v7";
  if (block[262] === 0) return hasText(block, 508, "tar\0") ? "star" : "ustar";
  return hasText(block, 262, "  \0") ? "gnu" : "v7";
}

function hasText(block: Uint8Array, at: number, expected: string): boolean {
  for (let i = 0; i < expected.length; i++) if (block[at + i] !== expected.charCodeAt(i)) return false;
  return true;
}

/** A field up to its first NUL. */
function text(buffer: Buffer, start: number, width: number): string {
  if (buffer[start] === 0) return "";
  let end = start;
  let bits = 0;
  for (; end < start + width; end++) {
    const byte = buffer[end] ?? 0;
    if (byte === 0) break;
    bits |= byte;
  }
  return bits < 0x80 ? buffer.toString("latin1", start, end) : decodeBytestring(buffer.subarray(start, end));
}

/** Octal digits between spaces and NULs, or base-256 where the first bit is set (GNU tar §Basic Tar Format); NaN for anything else. */
function parseNumber(block: Uint8Array, start: number, width: number): number {
  const end = start + width;
  if (((block[start] ?? 0) & 0x80) !== 0) return parseBase256(block, start, end);
  let at = start;
  while (at < end && (block[at] === 0x20 || block[at] === 0)) at++;
  let value = 0;
  for (; at < end; at++) {
    const digit = (block[at] ?? 0) - 0x30;
    if (digit < 0 || digit > 7) break;
    value = value * 8 + digit;
  }
  // After a NUL anything may stand, as in C; after a space only more of the same.
  for (; at < end && block[at] !== 0; at++) if (block[at] !== 0x20) return NaN;
  return value;
}

/** Two's complement, big endian, without the marker bit. */
function parseBase256(block: Uint8Array, start: number, end: number): number {
  const first = block[start] ?? 0;
  let value = (first & 0x40) === 0 ? first & 0x3f : (first & 0x3f) - 0x40;
  for (let i = start + 1; i < end; i++) value = value * 256 + (block[i] ?? 0);
  return value;
}
