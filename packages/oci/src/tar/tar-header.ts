/*
 * Names and link targets in tars are bytes. They are strings here, decoded as UTF-8; a byte that is
 * not UTF-8 stands as the lone low surrogate U+DC80 + (byte - 0x80) (Python's "surrogateescape",
 * PEP 383), so nothing is lost and the string encodes back to the same bytes. See bytestring.ts.
 */

export type TarType = "file" | "hardlink" | "symlink" | "char" | "block" | "directory" | "fifo";

/** One entry of a tar, what the header and its PAX or GNU extensions say together. */
export interface TarHeader {
  /** As it stands in the archive, without trailing slash: not cleaned, not trusted. */
  readonly path: string;
  readonly type: TarType;
  /** Permission and special bits: mode & 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly uname: string;
  readonly gname: string;
  /** Bytes of the body; 0 for everything but files. */
  readonly size: number;
  /** Seconds since the epoch, with a fraction where PAX gives one; may be negative. */
  readonly mtime: number;
  /** Target of a symlink (verbatim) or hardlink (a path of the archive); "" for others. */
  readonly linkname: string;
  /** Device numbers of "char" and "block". */
  readonly devmajor: number;
  readonly devminor: number;
  /** Extended attributes by name (`SCHILY.xattr.*`), bytes untouched. */
  readonly xattrs: ReadonlyMap<string, Uint8Array>;
}
