import type { Hash } from "node:crypto";
import { lstatSync } from "node:fs";
import type { FileStat } from "../entry.ts";
import { BuildError } from "../errors.ts";
import { hashText } from "../hash-text.ts";
import type { AddSpec, LayerSpec } from "../spec.ts";
import type { Archive, Archives } from "./archive.ts";
import type { Attributes } from "./attributes.ts";
import type { ChangeTimes } from "./change-times.ts";
import type { Collected } from "./collected.ts";
import { type Context, diskPath, join, type Located, readLink, unreadable } from "./context.ts";
import { type Destination, parseDestination } from "./destination.ts";
import { isFile, isFolder } from "./file-kind.ts";
import { expandGlob, isGlob, unescapeGlob } from "./glob.ts";
import { buildsOwn, normalizePattern } from "./ignore.ts";
import type { ListedEntry } from "./listing.ts";
import { Matcher } from "./patterns.ts";
import { Snapshot } from "./snapshot.ts";
import { addArchive } from "./unpack.ts";
import { type Filter, special, walk } from "./walk.ts";

export type AddSource = Extract<AddSpec, { src: unknown }>;

export interface SourceOptions {
  readonly context: Context;
  readonly ignore: Matcher | undefined;
  readonly attributes: Attributes;
  readonly unpack: boolean;
  readonly onWarning: (message: string) => void;
  readonly signal: AbortSignal | undefined;
  /** Told of the files that are looked at. */
  readonly times: ChangeTimes;
  readonly cacheDir: string | undefined;
  readonly archives: Archives;
}

/** A source of an `add`, found on disk; no entry is made of it yet. */
export class FoundSource {
  readonly #source: string;
  readonly #pieces: readonly Piece[];
  readonly #own: readonly Filter[];
  readonly #options: SourceOptions;

  constructor(source: string, pieces: readonly Piece[], own: readonly Filter[], options: SourceOptions) {
    this.#source = source;
    this.#pieces = pieces;
    this.#own = own;
    this.#options = options;
  }

  /** Makes its entries. Throws BuildError SOURCE_MISSING when filters leave nothing. */
  put(into: Collected): void {
    let taken = 0;
    for (const piece of this.#pieces) taken += putPiece(piece, this.#own, this.#options, into);
    if (taken > 0) return;
    const located = this.#pieces.map((piece) => piece.located);
    throw nothingLeft(this.#source, located, this.#own, this.#options);
  }

  /** Enters what was found; false when that does not tell what its entries are. */
  hash(hash: Hash): boolean {
    for (const { kind, located, image, tree, hidden } of this.#pieces) {
      if (kind === "archive") return false;
      const { mode, size, mtimeMs, ctimeMs, ino, dev, nlink } = located.stat;
      if (kind === "one") hash.update(Float64Array.of(mode, size, mtimeMs, ctimeMs, ino, dev, nlink));
      if (tree !== undefined) hash.update(Float64Array.of(mode, tree.folderTimes ? mtimeMs : 0));
      hashText(hash, `${kind} ${hidden}\0${located.path}\0${image}\0`);
      tree?.hash(hash);
    }
    return true;
  }
}

interface Piece {
  readonly kind: "one" | "folder" | "archive" | "nothing";
  readonly located: Located;
  /** The end of its path. */
  readonly name: string;
  /** Where it goes. */
  readonly image: string;
  /** What is in it. */
  readonly tree?: Snapshot;
  /** Whether it is only there for what an exception lets through. */
  readonly hidden?: boolean;
  readonly archive?: Archive;
}

/**
 * Finds what one `add` with sources adds, by docker's rules for COPY: a folder's contents go into dest; a file becomes
 * dest, or goes into it when it ends in a slash; several sources or a glob need such a dest. Of what a glob matches,
 * files keep their last name only and folders again bring their contents.
 *
 * A source that is a symlink is followed when it leads to something in the context, and else kept as it is, with a
 * warning. Symlinks below a folder or matched by a glob are never followed.
 *
 * `include` and `exclude` see paths below the folder or in the archive; for a source that is a file, its name.
 */
export async function findSources(
  add: AddSource,
  layer: LayerSpec,
  sources: readonly string[],
  options: SourceOptions,
): Promise<FoundSource[]> {
  const destination = parseDestination(add.dest);
  if (!destination.folder && (sources.length > 1 || sources.some(isGlob)))
    throw new BuildError("SPEC", `Cannot add several sources to "${add.dest}": dest must be a folder`, {
      hint: `Write "${add.dest}/"`,
    });
  const own = ownFilters(add, layer);
  const all: FoundSource[] = [];
  for (const source of sources) {
    const path = options.context.clean(source);
    const found = isGlob(source)
      ? expandGlob(options.context, path, options.ignore)
      : locate(unescapeGlob(path), source, options);
    if (found.length === 0)
      throw new BuildError("SOURCE_MISSING", `Cannot add "${source}": it matches nothing in ${options.context.name}`, {
        hint: String.raw`A backslash makes *, ? and [ stand for themselves`,
      });
    const pieces: Piece[] = [];
    for (const one of found) {
      options.signal?.throwIfAborted();
      const name = isGlob(source) ? one.path : unescapeGlob(path);
      pieces.push(await findPiece(one, name.slice(name.lastIndexOf("/") + 1), destination, own, options));
    }
    all.push(new FoundSource(source, pieces, own, options));
  }
  return all;
}

function locate(path: string, source: string, options: SourceOptions): Located[] {
  const located = options.context.locate(path, source);
  if (located === undefined) throw options.context.missing(source, path);
  if (located.stat.isSymbolicLink())
    options.onWarning(`"${source}" is a symlink that leads to nothing in the context: added as a symlink`);
  return [located];
}

function ownFilters(add: AddSource, layer: LayerSpec): Filter[] {
  const exclude = [...(layer.exclude ?? []), ...(add.exclude ?? [])].map(normalizePattern);
  const filters: Filter[] = [];
  if (exclude.length > 0) filters.push({ matcher: new Matcher(exclude), keep: false, prefix: "" });
  if (add.include !== undefined)
    filters.push({ matcher: new Matcher(add.include.map(normalizePattern)), keep: true, prefix: "" });
  return filters;
}

async function findPiece(
  located: Located,
  name: string,
  destination: Destination,
  own: readonly Filter[],
  options: SourceOptions,
): Promise<Piece> {
  const { stat, path } = located;
  const { ignore, context } = options;
  if (stat.isDirectory()) return await findFolder(located, name, destination.path, own, options);
  const nothing: Piece = { kind: "nothing", located, name, image: destination.path };
  if (ignore?.matches(path) === true) return nothing;
  if (stat.isFile() && options.unpack) {
    const { cacheDir, archives, signal } = options;
    const archive = await archives.open(context.disk(path), { name: path, stat, cacheDir, signal });
    return { kind: "archive", located, name, image: destination.path, archive };
  }
  if (own.some(({ matcher, keep }) => matcher.matches(name) !== keep)) return nothing;
  if (!stat.isFile() && !stat.isSymbolicLink()) throw special(path, stat);
  options.times.note(stat.ctimeMs);
  return {
    kind: "one",
    located,
    name,
    image: destination.folder ? join(destination.path, name) : destination.path,
  };
}

async function findFolder(
  located: Located,
  name: string,
  image: string,
  own: readonly Filter[],
  { ignore, context, attributes, times, signal }: SourceOptions,
): Promise<Piece> {
  const { path } = located;
  const prefix = path === "" ? "" : `${path}/`;
  const filters = ignore === undefined || ignore.isEmpty ? own : [{ matcher: ignore, keep: false, prefix }, ...own];
  const hidden = ignore !== undefined && path !== "" && ignore.matches(path);
  if (hidden && !ignore.scope(path).mayChange(true)) return { kind: "nothing", located, name, image };
  const tree = new Snapshot(times, { folderTimes: attributes.given.time });
  await walk({ disk: folderOnDisk(context, path), path: prefix }, filters, tree, signal);
  return { kind: "folder", located, name, image, tree, hidden };
}

function folderOnDisk(context: Context, path: string): string {
  return `${context.disk(path)}/`.replace(/\/\/$/, "/");
}

/** Makes the entries of what was found; returns how many, 0 when all of it is filtered out. */
function putPiece(piece: Piece, own: readonly Filter[], options: SourceOptions, into: Collected): number {
  const { located, name, image, tree, archive } = piece;
  const { path, stat } = located;
  if (archive !== undefined) return addArchive(archive, path, image, own, options.attributes, into);
  if (tree !== undefined) return putFolder(piece, tree, options, into);
  if (piece.kind === "nothing") return 0;
  putOne({ disk: options.context.disk(path), origin: path, path: image, name }, stat, stat.nlink, options, into);
  return 1;
}

function putFolder(
  { located: { path, stat }, image, hidden = false }: Piece,
  tree: Snapshot,
  options: SourceOptions,
  into: Collected,
): number {
  const count = tree.length;
  if (count === 0 && (tree.leftOut || hidden)) return 0;
  const disk = folderOnDisk(options.context, path);
  if (image !== "") putOne({ disk, origin: path || ".", path: image, name: "" }, stat, stat.nlink, options, into);
  const origin = path === "" ? "" : `${path}/`;
  const prefix = image === "" ? "" : `${image}/`;
  for (let at = 0; at < count; at++) {
    const inner = tree.inner(at);
    const where = { disk: disk + inner, origin: origin + inner, path: prefix + inner, name: tree.name(at) };
    putOne(where, tree.stat(at), tree.links(at), options, into);
  }
  return Math.max(count, 1);
}

interface Where {
  /** On disk, absolute. */
  readonly disk: string;
  /** Below the context. */
  readonly origin: string;
  /** In the image. */
  readonly path: string;
  /** What the source is called. */
  readonly name: string;
}

/** Makes the entry of one file, folder or symlink on disk. */
function putOne(
  { disk, origin, path, name }: Where,
  { size, mtimeMs, ctimeMs, ino, dev, mode }: FileStat,
  links: number,
  options: SourceOptions,
  into: Collected,
): void {
  const { attributes } = options;
  const { owner, xattrs } = attributes;
  const mtime = attributes.time(mtimeMs);
  if (isFile(mode)) {
    const stat = { size, mtimeMs, ctimeMs, ino, dev, mode };
    const entry: ListedEntry = {
      path,
      mode: attributes.fileMode(mode & 0o7777),
      owner,
      mtime,
      origin,
      explicit: true,
      type: "file",
      size,
      content: { kind: "disk", path: disk, stat },
    };
    const linked = links > 1 ? identity(disk, stat, options) : undefined;
    into.addFile(xattrs === undefined ? entry : { ...entry, xattrs }, name, linked);
  } else if (isFolder(mode)) {
    const explicit = attributes.given.directoryMode;
    const permissions = attributes.directoryMode(mode & 0o7777);
    const folder = { path, mode: permissions, owner, mtime, origin, explicit, type: "directory" } as const;
    into.add(explicit ? { ...folder, asked: { mode: true, owner: attributes.given.owner } } : folder);
  } else {
    const linkname = linkText(disk, origin);
    into.add({ path, mode: 0o777, owner, mtime, origin, explicit: true, type: "symlink", linkname });
  }
}

function linkText(disk: string, origin: string): string {
  try {
    return readLink(disk);
  } catch (cause) {
    throw unreadable(origin, cause);
  }
}

/** What the names of one file have in common. */
function identity(disk: string, stat: FileStat, { context }: SourceOptions): string | number {
  if (Number.isSafeInteger(stat.ino)) return stat.dev === context.device ? stat.ino : `${stat.dev}:${stat.ino}`;
  // A number cannot hold the inode numbers of some file systems, and two files must not be taken for one.
  try {
    const exact = lstatSync(diskPath(disk), { bigint: true });
    return `${exact.dev}:${exact.ino}`;
  } catch (cause) {
    throw unreadable(disk, cause);
  }
}

function nothingLeft(
  source: string,
  found: readonly Located[],
  own: readonly Filter[],
  { ignore }: SourceOptions,
): BuildError {
  const pattern = found.map(({ path }) => ignore?.deciding(path)).find((text) => text !== undefined);
  if (pattern === undefined && own.length === 0 && (ignore === undefined || ignore.source === "outputs"))
    return new BuildError("SOURCE_MISSING", `Cannot add "${source}": it holds nothing`);
  const file = ignore?.source ?? "the ignore file";
  const hint = found.some(({ path }) => ignore?.isBuildsOwn(path) === true)
    ? buildsOwn
    : pattern !== undefined
      ? `Excluded by "${pattern}" in ${file}: change it, or take "${source}" back with a line that begins with "!"`
      : own.some(({ keep }) => keep)
        ? "Its include and exclude patterns, relative to the source, leave nothing"
        : own.length > 0
          ? "Its exclude patterns, relative to the source, leave nothing"
          : `All of it is excluded by ${file}`;
  return new BuildError("SOURCE_MISSING", `Cannot add "${source}": nothing is left of it`, { hint });
}
