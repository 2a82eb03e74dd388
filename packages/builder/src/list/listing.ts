import type { EntryKind, EntryMeta } from "../entry.ts";

/** Who a file shall belong to; names are looked up in the base later. */
export type Owner =
  | { readonly uid: number; readonly gid: number }
  | { readonly user: string; readonly group?: string | undefined };

/**
 * One thing a layer shall hold, before the base was looked at: sources found, patterns applied,
 * modes and times settled; owners may still be names, and `path` may still lead through a symlink of the base.
 */
export type ListedEntry = Omit<EntryMeta, "uid" | "gid"> & {
  readonly owner: Owner;
  /** The source as the user can find it again, for messages: "dist/app.js", "lib.tar.gz: usr/lib/x". */
  readonly origin: string;
  /** Whether the description names this path; a folder that is merely on the way to a file is not. */
  readonly explicit: boolean;
} & (
    | EntryKind
    /** `asked` is what of an explicit folder was asked for; the rest stays as the base has it. Default: all. */
    | { readonly type: "directory"; readonly asked?: { readonly mode: boolean; readonly owner: boolean } }
  );
