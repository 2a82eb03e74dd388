import { lstatSync, type Stats } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { compareBytestrings, type Options } from "@lading/oci";
import type { EntryMeta, FileStat, LayerEntry } from "../entry.ts";
import { diskPath, readFolder, readLink, unreadable } from "../list/context.ts";
import { orderLinks } from "../plan/link-order.ts";
import type { Lower, LowerNode } from "../plan/lower.ts";
import { type ExtendedAttributes, extendedAttributes } from "./extended-attributes.ts";

export interface CaptureOptions extends Options {
  /** What the changes were made to. */
  readonly lower: Lower;
  /** Whether owners are not known, and those of what was there stay: see `StepRunner`. Default: false. */
  readonly singleOwner?: boolean | undefined;
  /** Seconds; times after it become this one (SOURCE_DATE_EPOCH). Default: all stay as they are. */
  readonly latest?: number | undefined;
}

/**
 * What an overlay has kept in its upper folder (kernel.org, filesystems/overlayfs), as the entries of a layer:
 *
 * - A file that was written to, or only got another name, is there, be it as it was below.
 * - A folder is there when it is other than below, or something in it is.
 * - What is gone is removed, and a folder that hides one is opaque; only where there is something below.
 * - Sockets are left out: who listens is gone.
 *
 * In the order of the paths' bytes, what hides the content of a folder before what is in it. Throws BuildError
 * SOURCE_UNREADABLE.
 */
export async function capturedChanges(changes: string, options: CaptureOptions): Promise<readonly LayerEntry[]> {
  const { signal } = options;
  const attributes = await extendedAttributes(changes, { signal });
  const capture: Capture = { ...options, disk: changes, attributes, files: new Map(), entries: [], folders: 0 };
  await captureFolder(capture, "", lstatSync(changes));
  const keyed = capture.entries.map((entry) => ({
    key: entry.type === "opaque" ? `${entry.path}/` : entry.path,
    entry,
  }));
  const entries = keyed.sort((a, b) => compareBytestrings(a.key, b.key)).map(({ entry }) => entry);
  orderLinks(entries, (path) => path);
  return entries;
}

interface Capture extends CaptureOptions {
  readonly disk: string;
  readonly attributes: ExtendedAttributes;
  /** Files with more than one name by inode, and the first of their names. */
  readonly files: Map<number, string>;
  readonly entries: LayerEntry[];
  folders: number;
}

// The event loop gets a turn each so many folders, so that a signal can come through.
const foldersPerTurn = 256;

async function captureFolder(capture: Capture, path: string, stat: Stats): Promise<void> {
  if (++capture.folders % foldersPerTurn === 0) await setImmediate();
  capture.signal?.throwIfAborted();
  const { entries, lower } = capture;
  const meta = metaOf(capture, path, stat);
  const below = lower.get(path);
  const own = entries.length;
  entries.push({ ...meta, type: "directory" });
  const hides = isOpaque(capture, path) && below?.type === "directory" && !isEmpty(lower.names(path));
  if (hides) entries.push({ ...removed, path, type: "opaque" });
  const silent = entries.length;

  const prefix = path === "" ? "" : `${path}/`;
  for (const name of namesOf(capture, path)) {
    const child = prefix + name;
    const found = statOf(capture, child);
    if (found.isDirectory()) await captureFolder(capture, child, found);
    else captureFile(capture, child, found, hides);
  }
  // Overlays copy a folder up for whatever happened in it, be that undone again. The root is there in any image.
  const isSame = path === "" && below === undefined ? isUsualRoot(meta) : isSameFolder(meta, below);
  if (!hides && isSame && (path === "" || entries.length === silent)) entries.splice(own, 1);
}

function captureFile(capture: Capture, path: string, stat: Stats, isHidden: boolean): void {
  const { entries, files, lower } = capture;
  if (stat.isSocket()) return;
  const meta = metaOf(capture, path, stat);
  if (stat.isCharacterDevice() && stat.rdev === 0) {
    if (!isHidden && lower.get(path) !== undefined) entries.push({ ...removed, path, type: "whiteout" });
    return;
  }
  const first = stat.nlink > 1 ? files.get(stat.ino) : undefined;
  if (first !== undefined) {
    const { xattrs: _, ...link } = meta;
    entries.push({ ...link, type: "hardlink", linkname: first });
    return;
  }
  if (stat.nlink > 1) files.set(stat.ino, path);
  entries.push({ ...meta, ...kindOf(capture, path, stat) });
}

type FileKind = Pick<Extract<LayerEntry, { type: "file" }>, "type" | "size" | "content">;
type OtherKind =
  | Pick<Extract<LayerEntry, { type: "symlink" }>, "type" | "linkname">
  | Pick<Extract<LayerEntry, { type: "char" | "block" }>, "type" | "devmajor" | "devminor">
  | Pick<Extract<LayerEntry, { type: "fifo" }>, "type">;

function kindOf({ disk }: Capture, path: string, stat: Stats): FileKind | OtherKind {
  const from = `${disk}/${path}`;
  if (stat.isSymbolicLink()) return { type: "symlink", linkname: readLink(from) };
  if (stat.isFIFO()) return { type: "fifo" };
  if (stat.isFile())
    return { type: "file", size: stat.size, content: { kind: "disk", path: from, stat: fileStatOf(stat) } };
  return { type: stat.isBlockDevice() ? "block" : "char", ...deviceOf(stat.rdev) };
}

function fileStatOf({ size, mtimeMs, ctimeMs, ino, dev, mode }: Stats): FileStat {
  return { size, mtimeMs, ctimeMs, ino, dev, mode };
}

/** As makedev(3) of Linux put them together. */
function deviceOf(device: number): { readonly devmajor: number; readonly devminor: number } {
  const number = BigInt(device);
  return {
    devmajor: Number(((number >> 8n) & 0xfffn) | ((number >> 32n) & 0xffff_f000n)),
    devminor: Number((number & 0xffn) | ((number >> 12n) & 0xffff_ff00n)),
  };
}

const removed = { mode: 0, uid: 0, gid: 0, mtime: 0 } as const;

function metaOf(capture: Capture, path: string, stat: Stats): EntryMeta {
  const { attributes, lower, singleOwner = false, latest = Infinity } = capture;
  const { mode, mtimeMs } = stat;
  const { uid, gid } = (singleOwner ? lower.get(path) : undefined) ?? stat;
  const meta = { path, mode: mode & 0o7777, uid, gid, mtime: Math.min(Math.floor(mtimeMs / 1000), latest) };
  const xattrs = new Map([...(attributes.get(path) ?? [])].filter(([name]) => isKept(name)));
  return xattrs.size === 0 ? meta : { ...meta, xattrs };
}

/** Overlayfs keeps its books in attributes; labels of security modules are the machine's. */
function isKept(name: string): boolean {
  if (/^(?:trusted|user)\.overlay\./.test(name)) return false;
  return name === "security.capability" || !/^(?:security|trusted)\./.test(name);
}

function isOpaque({ attributes }: Capture, path: string): boolean {
  const found = attributes.get(path);
  const value = found?.get("trusted.overlay.opaque") ?? found?.get("user.overlay.opaque");
  return value !== undefined && Buffer.from(value).toString() === "y";
}

function isSameFolder(meta: EntryMeta, below: LowerNode | undefined): boolean {
  return (
    below?.type === "directory" &&
    below.mode === meta.mode &&
    below.uid === meta.uid &&
    below.gid === meta.gid &&
    formatXattrs(below.xattrs) === formatXattrs(meta.xattrs)
  );
}

/** What / is to who never said. */
function isUsualRoot({ mode, uid, gid }: EntryMeta): boolean {
  return mode === 0o755 && uid === 0 && gid === 0;
}

function formatXattrs(xattrs: EntryMeta["xattrs"]): string {
  return Array.from(xattrs ?? [], ([name, value]) => `${name}=${Buffer.from(value).toString("hex")}`)
    .toSorted()
    .join();
}

function namesOf({ disk }: Capture, path: string): readonly string[] {
  try {
    return readFolder(path === "" ? disk : `${disk}/${path}`);
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

function statOf({ disk }: Capture, path: string): Stats {
  try {
    return lstatSync(diskPath(`${disk}/${path}`));
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

function isEmpty(names: Iterable<string>): boolean {
  for (const _ of names) return false;
  return true;
}
