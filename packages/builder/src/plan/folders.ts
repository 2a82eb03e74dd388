import { BuildError } from "../errors.ts";
import type { ListedEntry } from "../list/listing.ts";
import { cleanPath } from "../list/patterns.ts";
import type { Lower, LowerNode } from "./lower.ts";

export type ListedFolder = Extract<ListedEntry, { type: "directory" }>;

/** A directory that entries of the layer lie in, where it really is: no symlink leads to it any more. */
export interface Folder {
  readonly path: string;
  readonly type: "folder";
  readonly parent: Folder | undefined;
  /** What the layers below have here: a directory, or nothing. */
  readonly below: LowerNode | undefined;
  /** Whether what the layers below have in it does not count, because this layer removes it. */
  readonly emptied: boolean;
  /** Who asked for it first, for messages. */
  readonly origin: string;
  /** Whether something of the layer lies in it, so that it must be in the layer too. */
  needed: boolean;
  /** What the build description says about the directory itself. */
  listed: ListedFolder | undefined;
}

/** What this layer takes away from the layers below: true for the path itself, false for what is in it. */
export type Removals = ReadonlyMap<string, boolean>;

// As many as Linux follows (path_resolution(7)).
const maxLinks = 40;
// Linux opens none over 4096 bytes (PATH_MAX); it also bounds how deep this recurses.
const maxPath = 8192;

/** Finds the directories of one layer, following symlinks inside the image: ".." stops at its root. */
export class Folders {
  readonly #lower: Lower;
  readonly #removals: Removals;
  /** By path as asked for, which may lead through links; values are shared. */
  readonly #known = new Map<string, Folder>();
  /** Symlinks that the layer itself adds, by their real path. */
  readonly #links = new Map<string, ListedEntry & { readonly type: "symlink" }>();
  readonly root: Folder;
  #lastAsked = "";
  #last: Folder;

  constructor(lower: Lower, removals: Removals) {
    this.#lower = lower;
    this.#removals = removals;
    this.root = {
      path: "",
      type: "folder",
      parent: undefined,
      below: lower.get(""),
      emptied: lower.isEmpty || removals.has(""),
      origin: "/",
      needed: false,
      listed: undefined,
    };
    this.#known.set("", this.root);
    this.#last = this.root;
  }

  /** The directory that `path` leads to, whether it exists or not. Throws BuildError DESTINATION_CONFLICT. */
  find(path: string, origin: string, links = 0): Folder {
    const known = this.#known.get(path);
    if (known !== undefined) return known;
    if (path.length > maxPath)
      throw conflict(origin, `${path.slice(0, 60)}…`, `the path is longer than ${maxPath} letters`);
    const slash = path.lastIndexOf("/");
    const parent = slash === -1 ? this.root : this.find(path.slice(0, slash), origin, links);
    const folder = this.#enter(parent, path.slice(slash + 1), origin, links);
    this.#known.set(path, folder);
    return folder;
  }

  /** The directory that a file's path, whose last slash is at `slash`, leads to. */
  parentOf(path: string, slash: number, origin: string): Folder {
    if (slash === -1) return this.root;
    // A listing has a folder's files one after the other.
    if (slash === this.#lastAsked.length && path.startsWith(this.#lastAsked)) return this.#last;
    this.#lastAsked = path.slice(0, slash);
    this.#last = this.find(this.#lastAsked, origin);
    return this.#last;
  }

  /** What the layers below have at a name in a directory, leaving out what this layer removes. */
  below(folder: Folder, path: string): LowerNode | undefined {
    if (folder.emptied || this.#removals.get(path) === true) return undefined;
    return this.#lower.get(path);
  }

  /** Whether the layers below have a symlink at `path` through which one comes to a directory of theirs. */
  leadsToFolder(path: string, origin: string): boolean {
    try {
      return this.find(path, origin).below !== undefined;
    } catch (error) {
      // It leads in a circle, or to a file.
      if (error instanceof BuildError) return false;
      throw error;
    }
  }

  /** Where a file at `path` comes to lie that is written through the symlinks there, be what they lead to there or not. */
  fileAt(path: string, origin: string): string {
    let real = path;
    for (let links = 0; links < maxLinks; links++) {
      const slash = real.lastIndexOf("/");
      const parent = slash === -1 ? this.root : this.find(real.slice(0, slash), origin);
      real = childPath(parent, real.slice(slash + 1));
      const node = this.below(parent, real);
      if (node?.type !== "symlink") return real;
      const { linkname } = node;
      real = cleanPath(linkname.startsWith("/") ? linkname : `/${childPath(parent, linkname)}`).slice(1);
    }
    throw conflict(origin, path, `the symlinks at "/${path}" lead in a circle`);
  }

  /** Makes a symlink of the layer known: paths that are found from now on follow it. */
  addLink(path: string, entry: ListedEntry & { readonly type: "symlink" }): void {
    this.#links.set(path, entry);
    [this.#lastAsked, this.#last] = ["", this.root];
    this.#known.delete(path);
  }

  #enter(parent: Folder, name: string, origin: string, links: number): Folder {
    const path = childPath(parent, name);
    // Found before under a path that led through no link.
    const known = this.#known.get(path);
    if (known !== undefined) return known;

    const own = this.#links.get(path);
    const below = own ?? this.below(parent, path);
    if (below?.type === "symlink") {
      if (links >= maxLinks) throw conflict(origin, path, `the symlinks at "/${path}" lead in a circle`);
      return this.#follow(below.linkname, parent, origin, links + 1);
    }
    if (below !== undefined && below.type !== "directory")
      throw conflict(origin, path, `the base has a file there, and a folder is needed`);
    if (name.startsWith(".wh.")) throw whiteoutName(path, origin);
    const removed = this.#removals.has(path);
    const emptied = parent.emptied || removed || below === undefined;
    const folder: Folder = {
      path,
      type: "folder",
      parent,
      below,
      emptied,
      origin,
      needed: false,
      listed: undefined,
    };
    this.#known.set(path, folder);
    return folder;
  }

  #follow(target: string, from: Folder, origin: string, links: number): Folder {
    let at = target.startsWith("/") ? this.root : from;
    for (const part of target.split("/")) {
      if (part === "" || part === ".") continue;
      if (part === "..") at = at.parent ?? at;
      else {
        const path = childPath(at, part);
        const folder = this.#known.get(path) ?? this.#enter(at, part, origin, links);
        this.#known.set(path, folder);
        at = folder;
      }
    }
    return at;
  }
}

export function childPath({ path }: Folder, name: string): string {
  return path === "" ? name : `${path}/${name}`;
}

export function conflict(origin: string, path: string, detail: string, hint?: string): BuildError {
  return new BuildError(
    "DESTINATION_CONFLICT",
    `Cannot add "${origin}" as "/${path}": ${detail}`,
    hint === undefined ? {} : { hint },
  );
}

/** Names that start so delete files of the base (image-spec layer.md §Whiteouts), so no file can have one. */
export function whiteoutName(path: string, origin: string): BuildError {
  return new BuildError(
    "SPEC",
    `Cannot add "${origin}" as "/${path}": names that begin with ".wh." delete files of the base`,
    {
      hint: "Rename or exclude it; files of the base are deleted by remove",
    },
  );
}
