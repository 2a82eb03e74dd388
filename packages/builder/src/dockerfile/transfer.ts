import type { Stats } from "node:fs";
import { lstatSync } from "node:fs";
import type { Options } from "@lading/oci";
import { BuildError } from "../errors.ts";
import { isTarFile, openArchive } from "../list/archive.ts";
import type { Attributes } from "../list/attributes.ts";
import { diskPath, join } from "../list/context.ts";
import { normalizePattern } from "../list/ignore.ts";
import type { ListedEntry, Owner } from "../list/listing.ts";
import type { ModeRule } from "../list/modes.ts";
import { cleanPath, Matcher } from "../list/patterns.ts";
import { addArchive } from "../list/unpack.ts";
import { nearest } from "../nearest.ts";
import { Folders } from "../plan/folders.ts";
import type { Lower } from "../plan/lower.ts";
import { DiskFiles } from "./disk-files.ts";
import {
  type FoundSource,
  hasWildcards,
  matchSources,
  resolveSource,
  type SourceFiles,
  type SourceNode,
  unescape,
  walkSource,
} from "./source-files.ts";
import { Transferred } from "./transferred.ts";

/** What a COPY or ADD asks for, with everything expanded. */
export interface Transfer {
  readonly files: SourceFiles;
  readonly sources: readonly string[];
  /** Files that are written in the Dockerfile, or were downloaded. */
  readonly given: readonly GivenFile[];
  /** As written. */
  readonly destination: string;
  readonly workdir: string;
  readonly owner: Owner | undefined;
  readonly fileMode: ModeRule | undefined;
  readonly directoryMode: ModeRule | undefined;
  /** Of folders that have to be made. Default: 0755. */
  readonly madeMode: number | undefined;
  readonly exclude: readonly string[];
  /** Whether sources keep the folders they lie in. */
  readonly parents: boolean;
  /** Whether archives are unpacked: those that are, or every source, which must be one then. */
  readonly unpack: "archives" | "all" | "none";
  /** Seconds: of what has no time, and the latest there may be. */
  readonly timestamp: number;
  readonly latest: number | undefined;
  readonly cacheDir: string;
}

/** A file that is no source's: from a heredoc or a URL. */
export interface GivenFile {
  readonly name: string;
  readonly node: Extract<SourceNode, { type: "file" }>;
  /** Where it lies on disk, to be unpacked if that is asked for. */
  readonly archive?: string;
}

/**
 * Lists what a COPY or ADD puts where, given what is there already:
 *
 * - A folder's contents go into the destination; a file becomes the destination, or goes into it when that is
 *   written as a folder or is one.
 * - A destination that is a symlink is what it leads to, as for who writes through it.
 * - A source that is a symlink is what it leads to, inside its root; symlinks below a folder stay what they are.
 * - Wildcards may match nothing where another source is there.
 * - Folders that have to be made belong to who the files are given to.
 *
 * Throws BuildError SOURCE_MISSING, DESTINATION_CONFLICT, SOURCE_UNREADABLE.
 */
export async function listTransfer(transfer: Transfer, lower: Lower, options: Options): Promise<ListedEntry[]> {
  const into = new Transferred();
  const matched = transfer.sources.map((source) => ({ source, found: findSources(transfer, source) }));
  const found = matched.flatMap((one) => one.found);
  const nowhere = matched.find((one) => one.found.length === 0);
  // A lockfile that may be there (`package.json *.lock`) is one thing, a copy of nothing another.
  if (found.length === 0 && transfer.given.length === 0 && nowhere !== undefined)
    throw matchesNothing(transfer.files, nowhere.source);
  const target = destinationOf(transfer, lower);
  const files = found.filter(({ node }) => node.type !== "directory").length + transfer.given.length;
  const unpacked = transfer.unpack === "all" || (await countArchives(transfer, found)) > 0;
  if (files + (found.length - files) > 1 && files > 0 && !target.folder && !transfer.parents && !unpacked)
    throw new BuildError(
      "DESTINATION_CONFLICT",
      `Cannot put ${found.length + transfer.given.length} sources at "${transfer.destination}": it is no folder`,
      {
        hint: `Write "${transfer.destination}/"`,
      },
    );

  const put = new Putter(transfer, into);
  for (const { name, node, archive } of transfer.given) {
    if (transfer.unpack === "all" && archive !== undefined) {
      await put.unpack(archive, name, target.path, options);
      continue;
    }
    const path = target.folder ? join(target.path, name) : target.path;
    put.foldersOf(path);
    put.node(path, name, node);
  }
  for (const source of found) {
    options.signal?.throwIfAborted();
    if (source.node.type === "file" && source.node.content.kind === "disk" && (await isUnpacked(transfer, source)))
      await put.unpack(source.node.content.path, source.asked, target.path, options);
    else put.source(source, target);
  }
  return into.finish();
}

interface Found extends FoundSource {
  /** What it is called, which is not where it is when a symlink was followed. */
  readonly asked: string;
  /** With --parents, the folder in it that `kept` begins in, and the folders it keeps. */
  readonly pivot: string;
  readonly kept: string;
}

function findSources({ files, parents }: Transfer, source: string): Found[] {
  const pivot = parents ? source.indexOf("/./") : -1;
  const clean = cleanPath(`/${source}`).slice(1);
  const skipped =
    pivot < 0
      ? 0
      : cleanPath(`/${source.slice(0, pivot)}`)
          .slice(1)
          .split("/")
          .filter(Boolean).length;
  const wild = hasWildcards(clean);
  const paths = wild ? matchSources(files, clean, parents) : [unescape(clean)];
  return paths.map((path) => {
    const found = resolveSource(files, path);
    if (found === undefined)
      throw new BuildError("SOURCE_MISSING", `Cannot find "${source}" in ${files.name}`, {
        hint: whyMissing(files, source, path),
      });
    const parts = path.split("/");
    return {
      path: found.path,
      node: found.node,
      asked: path,
      pivot: parts.slice(0, skipped).join("/"),
      kept: parents ? parts.slice(skipped, -1).join("/") : "",
    };
  });
}

function matchesNothing(files: SourceFiles, source: string): BuildError {
  const clean = cleanPath(`/${source}`).slice(1);
  return new BuildError("SOURCE_MISSING", `"${source}" matches nothing in ${files.name}`, {
    hint: whyMissing(files, source, clean) ?? "In brackets a wildcard stands for itself: [[], [*], [?]",
  });
}

function whyMissing(files: SourceFiles, source: string, path: string): string | undefined {
  if (files instanceof DiskFiles) {
    const why = files.whyHidden(path);
    if (why !== undefined) return why;
  }
  if (/^[a-z]+:\/\//i.test(source)) return "What ADD fetches begins with http:// or https://";
  if (/^(?:\.\.\/|\/)/.test(source) && files instanceof DiskFiles)
    return `Sources lie in the context: "${source}" is read as "${path}" there`;
  const parts = path.split("/");
  for (const [depth, name] of parts.entries()) {
    const folder = parts.slice(0, depth).join("/");
    const names = [...files.names(folder)];
    if (names.includes(name)) continue;
    const near = nearest(name, names.toSorted());
    return near === undefined
      ? undefined
      : `Did you mean "${[...parts.slice(0, depth), near, ...parts.slice(depth + 1)].join("/")}"?`;
  }
  return undefined;
}

interface Target {
  readonly path: string;
  readonly folder: boolean;
}

function destinationOf({ destination, workdir }: Transfer, lower: Lower): Target {
  const path = absolute(destination, workdir);
  // One that comes to nothing is the working directory.
  if (path === "" || /(?:^|\/)(?:\.\.?)?$/.test(destination)) return { path, folder: true };
  const folders = new Folders(lower, new Map());
  if (folders.leadsToFolder(path, destination)) return { path, folder: true };
  const real = folders.fileAt(path, destination);
  return { path: real, folder: real === "" };
}

function absolute(destination: string, workdir: string): string {
  return cleanPath(destination.startsWith("/") ? destination : `/${workdir}/${destination}`).slice(1);
}

/** What would be at the destination if it were a folder. */
export function destinationEntry({ destination, workdir, timestamp, owner }: Transfer): ListedEntry {
  const path = absolute(destination, workdir);
  const common = { path, mode: 0o755, owner: owner ?? { uid: 0, gid: 0 }, mtime: timestamp, origin: destination };
  return { ...common, explicit: false, type: "directory" };
}

async function countArchives(transfer: Transfer, found: readonly Found[]): Promise<number> {
  let count = 0;
  for (const source of found) if (await isUnpacked(transfer, source)) count++;
  return count;
}

async function isUnpacked({ unpack }: Transfer, { node }: Found): Promise<boolean> {
  if (unpack === "none" || node.type !== "file" || node.content.kind !== "disk") return false;
  return unpack === "all" || (await isTarFile(node.content.path));
}

/** Makes the entries. */
class Putter {
  readonly #transfer: Transfer;
  readonly #into: Transferred;
  readonly #exclude: Matcher | undefined;

  constructor(transfer: Transfer, into: Transferred) {
    this.#transfer = transfer;
    this.#into = into;
    this.#exclude =
      transfer.exclude.length === 0 ? undefined : new Matcher(transfer.exclude.map(normalizePattern), "--exclude");
  }

  source({ path, node, asked, pivot, kept }: Found, target: Target): void {
    const { files, parents } = this.#transfer;
    const name = asked.slice(asked.lastIndexOf("/") + 1);
    // What patterns of --exclude are relative to: the source, or with --parents what its folders are.
    const inner = parents ? join(kept, name) : "";
    if (parents) this.#keep(pivot, kept, target);
    if (node.type !== "directory") {
      if (this.#exclude?.matches(parents ? inner : name) === true) return;
      const to = parents ? join(target.path, inner) : target.folder ? join(target.path, name) : target.path;
      this.foldersOf(to);
      this.node(to, asked, node);
      return;
    }
    const to = (parents ? join(target.path, inner) : target.path).replace(/\/$/, "");
    this.foldersOf(to);
    const origin = asked === "" ? "." : asked;
    if (inner === "") {
      // The contents are asked for, so that the folder is made as any on the way is.
      if (to !== "") this.#folder(to, origin);
    } else if (this.#exclude?.matches(inner) !== true) this.node(to, origin, node, false);
    const scope = this.#exclude?.scope(inner);
    walkSource(files, path, { scope, inner }, (child, found) => this.node(join(to, child), join(asked, child), found));
  }

  /** With --parents, the folders that a source lies in are made as they are there. */
  #keep(pivot: string, kept: string, target: Target): void {
    const names = kept === "" ? [] : kept.split("/");
    for (const depth of names.keys()) {
      const inner = names.slice(0, depth + 1).join("/");
      const to = join(target.path, inner);
      const node = this.#transfer.files.get(join(pivot, inner));
      this.foldersOf(to);
      if (node?.type === "directory") this.node(to, join(pivot, inner), node, false);
    }
  }

  async unpack(path: string, name: string, to: string, { signal }: Options): Promise<void> {
    const stat: Stats = lstatSync(diskPath(path));
    const { cacheDir } = this.#transfer;
    const archive = await openArchive(path, { name, stat, cacheDir, signal });
    const exclude = this.#exclude === undefined ? [] : [{ matcher: this.#exclude, keep: false, prefix: "" }];
    this.foldersOf(to);
    if (to !== "") this.#folder(to, name);
    addArchive(archive, name, to, exclude, this.#attributes(), this.#into);
  }

  /** Folders on the way, which stay what they are where they are. */
  foldersOf(path: string): void {
    for (let at = path.indexOf("/"); at > 0; at = path.indexOf("/", at + 1)) this.#folder(path.slice(0, at), path);
  }

  #folder(path: string, origin: string): void {
    const { madeMode: mode = 0o755, owner = { uid: 0, gid: 0 }, timestamp: mtime } = this.#transfer;
    this.#into.add({ path, mode, owner, mtime, origin, explicit: false, type: "directory" });
  }

  node(path: string, origin: string, node: SourceNode, explicit = true): void {
    const { fileMode, directoryMode, latest = Infinity } = this.#transfer;
    const { uid, gid, xattrs } = node;
    const owner = this.#transfer.owner ?? { uid, gid };
    const isFolder = node.type === "directory";
    const rule = node.type === "symlink" ? undefined : isFolder ? directoryMode : fileMode;
    const common = {
      path,
      mode: node.type === "symlink" ? 0o777 : (rule?.(node.mode) ?? node.mode),
      owner,
      mtime: Math.min(node.mtime, latest),
      origin,
      explicit,
      ...(xattrs === undefined ? {} : { xattrs }),
    };
    if (node.type === "file") {
      const { type, size, content, identity } = node;
      this.#into.addFile({ ...common, type, size, content }, origin, identity);
    } else if (node.type === "symlink") this.#into.add({ ...common, type: "symlink", linkname: node.linkname });
    else if (node.type === "char" || node.type === "block") {
      const { type, devmajor, devminor } = node;
      this.#into.add({ ...common, type, devmajor, devminor });
    } else this.#into.add({ ...common, type: node.type });
  }

  /** Of what archives hold: they say modes themselves, and --chmod changes none, as with BuildKit. */
  #attributes(): Attributes {
    const { owner, latest } = this.#transfer;
    return {
      fileMode: asIs,
      directoryMode: asIs,
      owner: owner ?? { uid: 0, gid: 0 },
      time: (ms) => Math.min(Math.floor(ms / 1000), latest ?? Infinity),
      xattrs: undefined,
      given: { fileMode: false, directoryMode: false, owner: owner !== undefined, time: latest !== undefined },
    };
  }
}

const asIs: ModeRule = (source) => source;
