import type { Bytes, Options } from "@lading/oci";
import type { PackedLayer } from "./pack/pack.ts";

/** Where a file's bytes come from. */
export type FileContent =
  /** A file on disk, with what lstat said when it was listed: packing fails when it has changed since. */
  | { readonly kind: "disk"; readonly path: string; readonly stat: FileStat }
  /** Literal bytes from the build description. */
  | { readonly kind: "literal"; readonly bytes: Uint8Array }
  /**
   * A member of an archive that is unpacked into the layer. `digest` is one of the archive's bytes, or of its own: with
   * `path` it tells its bytes from all others.
   */
  | {
      readonly kind: "member";
      readonly digest: string;
      readonly path: string;
      open(options?: Options): Bytes;
    };

/** What tells one version of a file on disk from another. Times are milliseconds with a fraction, as fs.Stats has them. */
export interface FileStat {
  readonly size: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly ino: number;
  readonly dev: number;
  readonly mode: number;
}

/** Owner, permission bits, time and extended attributes: what every entry carries. */
export interface EntryMeta {
  /**
   * Path in the image: no leading or trailing slash, no empty, "." or ".." component. The image's root is "".
   * Bytes that are not UTF-8 stand as lone surrogates (bytestring.ts in @lading/oci).
   */
  readonly path: string;
  /** mode & 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since the epoch. */
  readonly mtime: number;
  readonly xattrs?: ReadonlyMap<string, Uint8Array>;
}

/** What can be listed and packed, folders aside, with what only that kind has. */
export type EntryKind =
  | { readonly type: "file"; readonly size: number; readonly content: FileContent }
  | { readonly type: "symlink"; readonly linkname: string }
  /** `linkname` is the path of an entry of the same layer; in a plan, one that is packed before this one. */
  | { readonly type: "hardlink"; readonly linkname: string }
  | { readonly type: "char" | "block"; readonly devmajor: number; readonly devminor: number }
  | { readonly type: "fifo" };

/** One entry of a layer to be packed, resolved and final: nothing after this looks at patterns, names of users or the base. */
export type LayerEntry = EntryMeta &
  (
    | EntryKind
    | { readonly type: "directory" }
    /** Deletes a file of the base: packed as `dir/.wh.name` (image-spec layer.md §Whiteouts). */
    | { readonly type: "whiteout" }
    /** Hides everything the base has in this directory: packed as `path/.wh..wh..opq`. */
    | { readonly type: "opaque" }
  );

/** A layer ready to pack: entries in archive order, each path once. */
export interface LayerPlan {
  readonly name: string;
  readonly entries: readonly LayerEntry[];
  /** The layer, where it had to be made to find out what is in it. */
  readonly packed?: PackedLayer;
  /** Whether only a program that runs in the build will tell what is in it. */
  readonly unknown?: true;
}
