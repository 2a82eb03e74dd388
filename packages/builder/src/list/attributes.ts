import { BuildError } from "../errors.ts";
import type { Owner } from "./listing.ts";
import { defaultDirectoryMode, defaultFileMode, type ModeRule, parseMode } from "./modes.ts";
import type { AddSpec, LayerSpec } from "../spec.ts";
import { parseXattrs } from "./xattrs.ts";

/** What one `add` says of the files it adds: its own word, else its layer's, else the default. */
export interface Attributes {
  readonly fileMode: ModeRule;
  readonly directoryMode: ModeRule;
  readonly owner: Owner;
  /** Whole seconds since 1970, from the source's milliseconds. */
  readonly time: (sourceMs: number) => number;
  /** Of files; folders and links get none. */
  readonly xattrs: ReadonlyMap<string, Uint8Array> | undefined;
  /** What the description says itself: an unpacked archive keeps its own word on the rest. */
  readonly given: {
    readonly fileMode: boolean;
    readonly directoryMode: boolean;
    readonly owner: boolean;
    readonly time: boolean;
  };
}

/** Throws BuildError SPEC for values that only look right. `timestamp` is the default time, in seconds. */
export function attributesOf(layer: LayerSpec, add: AddSpec, timestamp: number): Attributes {
  // An empty folder's `mode` is a folder's; everything else has `dirMode` beside it.
  const isFolder = "directory" in add;
  const mode = (isFolder || !("mode" in add) ? undefined : add.mode) ?? layer.mode;
  const dirMode = (isFolder ? add.mode : "dirMode" in add ? add.dirMode : undefined) ?? layer.dirMode;
  const owner = add.owner ?? layer.owner;
  const time = add.mtime ?? layer.mtime;
  const archive = "unpack" in add && add.unpack === true;
  return {
    fileMode: parseMode(mode, archive ? asIs : defaultFileMode, "file"),
    directoryMode: parseMode(dirMode, archive ? asIs : defaultDirectoryMode, "directory"),
    owner: owner === undefined ? root : parseOwner(owner),
    time: parseTime(time, timestamp),
    xattrs: "xattrs" in add ? parseXattrs(add.xattrs) : undefined,
    given: {
      fileMode: mode !== undefined,
      directoryMode: dirMode !== undefined,
      owner: owner !== undefined,
      time: time !== undefined,
    },
  };
}

const asIs: ModeRule = (source) => source;
const root: Owner = { uid: 0, gid: 0 };

/** Reads "user[:group]". A number alone is the group too, as docker has it. */
export function parseOwner(text: string): Owner {
  const [user = "", group] = text.split(":");
  if (/^\d+$/.test(user) && (group === undefined || /^\d+$/.test(group))) {
    const uid = Number(user);
    const gid = Number(group ?? user);
    if (Math.max(uid, gid) > 0xffff_fffe)
      throw new BuildError("SPEC", `Cannot use owner "${text}": numbers end at 4294967294`);
    return { uid, gid };
  }
  return group === undefined ? { user } : { user, group };
}

/** A time of a build description as whole seconds since 1970; a function of what the source has (milliseconds; NaN for nothing). */
export function parseTime(value: number | string | undefined, timestamp: number): (sourceMs: number) => number {
  if (value === undefined || value === "epoch") return () => timestamp;
  if (value === "source") return (sourceMs) => (Number.isNaN(sourceMs) ? timestamp : Math.floor(sourceMs / 1000));
  const seconds = typeof value === "number" ? value : Math.floor(Date.parse(value) / 1000);
  return () => seconds;
}
