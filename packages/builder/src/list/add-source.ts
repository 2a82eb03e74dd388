import { lstatSync, type Stats } from "node:fs";
import type { Archives } from "./archive.ts";
import type { Attributes } from "./attributes.ts";
import type { Collected } from "./collected.ts";
import { type Context, diskPath, join, type Located, readLink, unreadable } from "./context.ts";
import { type Destination, parseDestination } from "./destination.ts";
import { BuildError } from "../errors.ts";
import { expandGlob, isGlob, unescapeGlob } from "./glob.ts";
import { buildsOwn, normalizePattern } from "./ignore.ts";
import type { ListedEntry } from "./listing.ts";
import { Matcher } from "./patterns.ts";
import type { AddSpec, LayerSpec } from "../spec.ts";
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
  readonly into: Collected;
  readonly cacheDir: string | undefined;
  readonly archives: Archives;
}

/**
 * Lists one `add` with sources, by docker's rules for COPY: a folder's contents go into dest; a file becomes dest, or
 * goes into it when it ends in a slash; several sources or a glob need such a dest. Of what a glob matches,
 * files keep their last name only and folders again bring their contents.
 *
 * A source that is a symlink is followed when it leads to something in the context, and else kept as it is, with a
 * warning. Symlinks below a folder or matched by a glob are never followed.
 *
 * `include` and `exclude` see paths below the folder or in the archive; for a source that is a file, its name.
 */
export async function addSource(
  add: AddSource,
  layer: LayerSpec,
  sources: readonly string[],
  options: SourceOptions,
): Promise<void> {
  const destination = parseDestination(add.dest);
  if (!destination.folder && (sources.length > 1 || sources.some(isGlob)))
    throw new BuildError("SPEC", `Cannot add several sources to "${add.dest}": dest must be a folder`, {
      hint: `Write "${add.dest}/"`,
    });
  const own = ownFilters(add, layer);
  for (const source of sources) {
    const path = options.context.clean(source);
    const found = isGlob(source)
      ? expandGlob(options.context, path, options.ignore)
      : locate(unescapeGlob(path), source, options);
    if (found.length === 0)
      throw new BuildError("SOURCE_MISSING", `Cannot add "${source}": it matches nothing in ${options.context.name}`, {
        hint: String.raw`A backslash makes *, ? and [ stand for themselves`,
      });
    let taken = 0;
    for (const one of found) {
      options.signal?.throwIfAborted();
      const name = isGlob(source) ? one.path : unescapeGlob(path);
      taken += await addLocated(one, name.slice(name.lastIndexOf("/") + 1), destination, own, options);
    }
    if (taken === 0) throw nothingLeft(source, found, own, options);
  }
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

/** Adds what was found; returns how much it was, 0 when all of it is filtered out. */
async function addLocated(
  located: Located,
  name: string,
  destination: Destination,
  own: readonly Filter[],
  options: SourceOptions,
): Promise<number> {
  const { stat, path } = located;
  const { ignore, context } = options;
  if (stat.isDirectory()) return addFolder(located, destination, own, options);
  if (ignore?.matches(path) === true) return 0;
  if (stat.isFile() && options.unpack) {
    const { cacheDir, archives, signal, attributes, into } = options;
    const archive = await archives.open(context.disk(path), { name: path, stat, cacheDir, signal });
    return addArchive(archive, path, destination.path, own, attributes, into);
  }
  if (own.some(({ matcher, keep }) => matcher.matches(name) !== keep)) return 0;
  if (!stat.isFile() && !stat.isSymbolicLink()) throw special(path, stat);
  const image = destination.folder ? join(destination.path, name) : destination.path;
  addFound(context.disk(path), path, image, name, stat, options);
  return 1;
}

async function addFolder(
  { path, stat }: Located,
  destination: Destination,
  own: readonly Filter[],
  options: SourceOptions,
): Promise<number> {
  const prefix = path === "" ? "" : `${path}/`;
  const { ignore } = options;
  const filters = ignore === undefined || ignore.isEmpty ? own : [{ matcher: ignore, keep: false, prefix }, ...own];
  const hidden = ignore !== undefined && path !== "" && ignore.matches(path);
  if (hidden && !ignore.scope(path).mayChange(true)) return 0;

  const disk = `${options.context.disk(path)}/`.replace(/\/\/$/, "/");
  const image = destination.path === "" ? "" : `${destination.path}/`;
  let count = 0;
  const addTop = (): void => {
    if (destination.path !== "") addFound(disk, path || ".", destination.path, "", stat, options);
  };
  const leftOut = await walk(
    { disk, path: prefix },
    filters,
    (inner, name, path, found) => {
      if (count++ === 0) addTop();
      addFound(path, prefix + inner, image + inner, name, found, options);
    },
    options.signal,
  );
  if (count > 0) return count;
  if (leftOut || hidden) return 0;
  addTop();
  return 1;
}

/** Makes the entry of one file, folder or symlink on disk; `name` is what the source is called. */
function addFound(disk: string, origin: string, path: string, name: string, stat: Stats, options: SourceOptions): void {
  const { attributes, into } = options;
  const { owner, xattrs } = attributes;
  const mtime = attributes.time(stat.mtimeMs);
  if (stat.isFile()) {
    const { size, mtimeMs, ctimeMs, ino, dev } = stat;
    const entry: ListedEntry = {
      path,
      mode: attributes.fileMode(stat.mode & 0o7777),
      owner,
      mtime,
      origin,
      explicit: true,
      type: "file",
      size,
      content: { kind: "disk", path: disk, stat: { size, mtimeMs, ctimeMs, ino, dev, mode: stat.mode } },
    };
    const linked = stat.nlink > 1 ? identity(disk, stat, options) : undefined;
    into.addFile(xattrs === undefined ? entry : { ...entry, xattrs }, name, linked);
  } else if (stat.isDirectory()) {
    const mode = attributes.directoryMode(stat.mode & 0o7777);
    const explicit = attributes.given.directoryMode;
    const folder = { path, mode, owner, mtime, origin, explicit, type: "directory" } as const;
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
function identity(disk: string, stat: Stats, { context }: SourceOptions): string | number {
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
