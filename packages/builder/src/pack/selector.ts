import { digestOf } from "@lading/oci";
import { createHash } from "node:crypto";
import type { EntryMeta, FileContent, LayerEntry } from "../entry.ts";
import { hashText } from "../hash-text.ts";
import { ChangeTimes } from "../list/change-times.ts";

/*
 * A layer is known again by what its entries say, without opening a file: the stat key has the
 * files' sizes, times and inodes besides everything that goes into the tar. The shape key has only
 * the latter, and means: this may be a layer that we know, it is worth reading before compressing.
 */

/** To be raised when a key's meaning or the bytes of the tar change. */
const FORMAT = 1;

/** Numbers of each entry in a key. */
const NUMBERS = 14;
/** Entries that are hashed at a time: a layer may have a million. */
const BATCH = 1000;

/** Names a layer by its entries and its files' stats, for one codec (see `codecVersion`). Lower-case hex. */
export function statKey(entries: readonly LayerEntry[], codec: string): string {
  return key(entries, `stat ${codec}`, true);
}

/** Names what a layer looks like when contents are left aside. Lower-case hex. */
export function shapeKey(entries: readonly LayerEntry[], codec: string): string {
  return key(entries, `shape ${codec}`, false);
}

/** Whether a layer's files have times that tell every later change: see ChangeTimes. */
export function timesAreSettled(entries: readonly LayerEntry[], listedAt: number): boolean {
  const times = new ChangeTimes();
  for (const entry of entries)
    if (entry.type === "file" && entry.content.kind === "disk") times.note(entry.content.stat.ctimeMs);
  return times.areSettled(listedAt);
}

function key(entries: readonly LayerEntry[], purpose: string, withContent: boolean): string {
  const hash = createHash("sha256").update(`lading ${purpose} ${FORMAT} ${entries.length}\0`);
  const numbers = new Float64Array(BATCH * NUMBERS);
  for (let from = 0; from < entries.length; from += BATCH) {
    numbers.fill(0);
    let text = "";
    let at = 0;
    for (const entry of entries.slice(from, from + BATCH)) {
      text += enter(entry, numbers, at, withContent);
      at += NUMBERS;
    }
    hashText(hash.update(numbers), text);
  }
  return hash.digest("hex");
}

/**
 * Enters an entry's numbers at `at` and returns its strings. Every string ends with a NUL, which none
 * can hold, and the numbers say which strings there are.
 */
function enter(entry: LayerEntry, numbers: Float64Array, at: number, withContent: boolean): string {
  numbers[at] = types.indexOf(entry.type);
  numbers[at + 1] = entry.mode;
  numbers[at + 2] = entry.uid;
  numbers[at + 3] = entry.gid;
  numbers[at + 4] = entry.mtime;
  let text = `${entry.path}\0`;
  if (entry.xattrs !== undefined) {
    numbers[at + 5] = entry.xattrs.size;
    text += xattrsText(entry.xattrs);
  }
  if (entry.type === "file") {
    numbers[at + 6] = entry.size;
    if (withContent) text += enterContent(entry.content, numbers, at + 7);
  } else if (entry.type === "symlink" || entry.type === "hardlink") {
    text += `${entry.linkname}\0`;
  } else if (entry.type === "char" || entry.type === "block") {
    numbers[at + 6] = entry.devmajor;
    numbers[at + 7] = entry.devminor;
  }
  return text;
}

/** Enters the numbers that tell this content from another, and returns the strings. */
function enterContent(content: FileContent, numbers: Float64Array, at: number): string {
  if (content.kind === "disk") {
    const { stat } = content;
    numbers[at] = 1;
    numbers[at + 1] = stat.size;
    numbers[at + 2] = stat.mtimeMs;
    numbers[at + 3] = stat.ctimeMs;
    numbers[at + 4] = stat.ino;
    numbers[at + 5] = stat.dev;
    numbers[at + 6] = stat.mode;
    return `${content.path}\0`;
  }
  if (content.kind === "literal") {
    numbers[at] = 2;
    return `${digestOf(content.bytes)}\0`;
  }
  numbers[at] = 3;
  return `${content.digest}\0${content.path}\0`;
}

function xattrsText(xattrs: NonNullable<EntryMeta["xattrs"]>): string {
  return [...xattrs]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}\0${Buffer.from(value).toString("hex")}\0`)
    .join("");
}

const types: readonly LayerEntry["type"][] = [
  "file",
  "directory",
  "symlink",
  "hardlink",
  "char",
  "block",
  "fifo",
  "whiteout",
  "opaque",
];
