import { compareBytestrings } from "@lading/oci";
import { type Accounts, type Ids, resolveOwner } from "./accounts.ts";
import type { EntryMeta, LayerEntry } from "../entry.ts";
import { childPath, conflict, type Folder, type Folders, type ListedFolder, whiteoutName } from "./folders.ts";
import type { ListedEntry, Owner } from "../list/listing.ts";
import type { Lower } from "./lower.ts";

type ListedFile = Exclude<ListedEntry, { type: "directory" }>;

/** What of a layer is where, while it is found out. */
export class Placement {
  readonly #folders: Folders;
  readonly #accounts: Accounts | undefined;
  // A hundred thousand files: each is one object here, and no more until something is wrong.
  #placed: (LayerEntry | Folder)[] = [];
  /** By index in `#placed`; undefined for folders. */
  #sources: (ListedFile | undefined)[] = [];
  readonly #removals: { readonly key: string; readonly entry: LayerEntry }[] = [];
  #owner: { readonly owner: Owner; readonly ids: Ids } | undefined;
  hasHardlinks = false;

  constructor(folders: Folders, accounts: Accounts | undefined) {
    this.#folders = folders;
    this.#accounts = accounts;
  }

  /** Makes a symlink known, so that whatever lies below it in this layer goes where it leads. */
  link(entry: Extract<ListedEntry, { type: "symlink" }>): void {
    const { path, origin } = entry;
    const slash = path.lastIndexOf("/");
    const parent = this.#folders.find(path.slice(0, Math.max(slash, 0)), origin);
    this.#folders.addLink(childPath(parent, path.slice(slash + 1)), entry);
  }

  add(entry: ListedEntry): void {
    if (entry.type === "directory") this.#addFolder(entry);
    else this.#addFile(entry);
  }

  #addFolder(entry: ListedFolder): void {
    const folder = this.#folders.find(entry.path, entry.origin);
    this.#need(folder.parent);
    if (folder.listed === undefined && !folder.needed) this.#place(folder);
    folder.listed = mergeFolders(folder.listed, entry, folder.path);
  }

  #addFile(entry: ListedFile): void {
    const { path: asked, origin } = entry;
    const slash = asked.lastIndexOf("/");
    if (asked.startsWith(".wh.", slash + 1)) throw whiteoutName(asked, origin);
    if (asked === "") throw conflict(origin, asked, "the image's root is a folder");
    const parent = this.#folders.parentOf(asked, slash, origin);
    // Mostly no link is on the way, and no string has to be made.
    const straight = parent.path.length === Math.max(slash, 0) && asked.startsWith(parent.path);
    const path = straight ? asked : childPath(parent, asked.slice(slash + 1));
    if (!parent.emptied) this.#checkBelow(parent, path, entry);
    if (!parent.needed) this.#need(parent);
    this.#place(this.#toEntry(entry, path), entry);
  }

  #checkBelow(parent: Folder, path: string, { type, origin }: ListedFile): void {
    const below = this.#folders.below(parent, path);
    const hint = `Remove it first (remove: ["/${path}"]), or choose another place`;
    if (below?.type === "directory") throw conflict(origin, path, "the base has a folder there", hint);
    if (below?.type === "symlink" && type !== "symlink" && this.#folders.leadsToFolder(path, origin))
      throw conflict(origin, path, `the base has a symlink to a folder there ("${below.linkname}")`, hint);
  }

  /** Takes a path, or what is in it, of the layers below away. */
  remove(path: string, whole: boolean, lower: Lower): void {
    const adds = this.#placed.filter((item) => item.path === path);
    if (!whole || adds.some((item) => item.type === "folder")) {
      // Never a whiteout for what the same layer adds: containerd cannot unpack it (kaniko#2050).
      if (lower.get(path)?.type !== "directory" && path !== "") return;
      const folder = this.#folders.find(path, path);
      this.#need(folder);
      this.#removals.push({ key: childPath(folder, "\0"), entry: removal("opaque", path) });
    } else if (adds.length === 0) {
      const slash = path.lastIndexOf("/");
      const parent = this.#folders.parentOf(path, slash, path);
      this.#need(parent);
      this.#removals.push({
        key: childPath(parent, `\0${path.slice(slash + 1)}`),
        entry: removal("whiteout", path),
      });
    }
  }

  /** Everything once, in order. `mtime` is for what nobody listed. Throws BuildError DESTINATION_CONFLICT. */
  entries(mtime: number): LayerEntry[] {
    if (!isInOrder(this.#placed)) this.#sort();
    const entries: LayerEntry[] = [];
    for (const item of this.#placed) {
      const entry = item.type === "folder" ? this.#folderEntry(item, mtime) : item;
      if (entry !== undefined) entries.push(entry);
    }
    if (this.#removals.length === 0) return entries;
    const keyed = [...entries.map((entry) => ({ key: entry.path, entry })), ...this.#removals];
    return keyed.sort((a, b) => compareBytestrings(a.key, b.key)).map(({ entry }) => entry);
  }

  /** Where the entry at `path` came from, for messages. */
  originOf(path: string): string {
    return this.#origin(this.#placed.findIndex((item) => item.path === path));
  }

  #origin(index: number): string {
    const item = this.#placed[index];
    if (item?.type === "folder") return item.listed?.origin ?? item.origin;
    return this.#sources[index]?.origin ?? "";
  }

  #place(item: LayerEntry | Folder, source?: ListedFile): void {
    this.#placed.push(item);
    this.#sources.push(source);
  }

  /** Outermost first, so that mostly everything is in order already. */
  #need(folder: Folder | undefined): void {
    if (folder === undefined || folder.needed) return;
    folder.needed = true;
    this.#need(folder.parent);
    // The root is there in any image.
    if (folder.listed === undefined && folder.parent !== undefined) this.#place(folder);
  }

  /** By path; what is there twice and is the same stays once. */
  #sort(): void {
    const placed = this.#placed.map((item, index) => ({ item, index, source: this.#sources[index] }));
    placed.sort((a, b) => compareBytestrings(a.item.path, b.item.path) || a.index - b.index);
    const unique = placed.filter(({ item, index, source }, at) => {
      const before = placed[at - 1];
      if (before?.item.path !== item.path) return true;
      if (before.source !== undefined && source !== undefined && isSame(before.source, source)) return false;
      throw conflict(this.#origin(index), item.path, `"${this.#origin(before.index)}" is already there`);
    });
    this.#placed = unique.map(({ item }) => item);
    this.#sources = unique.map(({ source }) => source);
  }

  #ids(owner: Owner): Ids {
    if (!("user" in owner)) return owner;
    if (this.#owner?.owner !== owner) this.#owner = { owner, ids: resolveOwner(owner, this.#accounts) };
    return this.#owner.ids;
  }

  #toEntry(listed: ListedFile, path: string): LayerEntry {
    const { mode, mtime, type, xattrs } = listed;
    const { uid, gid } = this.#ids(listed.owner);
    if (type === "file")
      return withXattrs({ path, type, mode, uid, gid, mtime, size: listed.size, content: listed.content }, xattrs);
    if (type === "symlink") return withXattrs({ path, type, mode, uid, gid, mtime, linkname: listed.linkname }, xattrs);
    if (type === "hardlink") {
      this.hasHardlinks = true;
      const linkname = this.#realPath(listed.linkname, listed.origin);
      return { path, type, mode, uid, gid, mtime, linkname };
    }
    if (type === "char" || type === "block") {
      const { devmajor, devminor } = listed;
      return withXattrs({ path, type, mode, uid, gid, mtime, devmajor, devminor }, xattrs);
    }
    return withXattrs({ path, type, mode, uid, gid, mtime }, xattrs);
  }

  #realPath(path: string, origin: string): string {
    const slash = path.lastIndexOf("/");
    return childPath(this.#folders.parentOf(path, slash, origin), path.slice(slash + 1));
  }

  /** Undefined when nothing has to be said about the folder. */
  #folderEntry({ path, below, listed, needed }: Folder, mtime: number): LayerEntry | undefined {
    const type = "directory";
    if (below !== undefined && (listed === undefined || !isAsked(listed))) {
      if (!needed) return undefined;
      const { mode, uid, gid, xattrs } = below;
      return withXattrs({ path, type, mode, uid, gid, mtime: listed?.mtime ?? mtime }, xattrs);
    }
    if (listed === undefined) return { path, type, mode: 0o755, uid: 0, gid: 0, mtime };
    const { asked } = listed;
    const mode = asked?.mode === false && below !== undefined ? below.mode : listed.mode;
    const { uid, gid } = asked?.owner === false && below !== undefined ? below : this.#ids(listed.owner);
    const same = below !== undefined && below.mode === mode && below.uid === uid && below.gid === gid;
    return same && !needed ? undefined : withXattrs({ path, type, mode, uid, gid, mtime: listed.mtime }, listed.xattrs);
  }
}

function isInOrder(items: readonly (LayerEntry | Folder)[]): boolean {
  let last: string | undefined;
  for (const { path } of items) {
    // The order of UTF-16 is that of the bytes where there are no surrogates.
    if ((last !== undefined && last >= path) || /[\ud800-\udfff]/.test(path)) return false;
    last = path;
  }
  return true;
}

function removal(type: "whiteout" | "opaque", path: string): LayerEntry {
  return { path, type, mode: 0, uid: 0, gid: 0, mtime: 0 };
}

function withXattrs(entry: LayerEntry, xattrs: EntryMeta["xattrs"]): LayerEntry {
  return xattrs === undefined || xattrs.size === 0 ? entry : { ...entry, xattrs };
}

function mergeFolders(first: ListedFolder | undefined, second: ListedFolder, path: string): ListedFolder {
  if (first === undefined || (isAsked(second) && !isAsked(first))) return second;
  if (isAsked(second) && (first.mode !== second.mode || !isSameOwner(first.owner, second.owner)))
    throw conflict(second.origin, path, `"${first.origin}" gives the folder another mode or owner`);
  return first;
}

/** Whether the description says what the folder shall be, and not only that it shall be there. */
function isAsked({ explicit, asked }: ListedFolder): boolean {
  return explicit && (asked === undefined || asked.mode || asked.owner);
}

function isSameOwner(a: Owner, b: Owner): boolean {
  if ("user" in a) return "user" in b && a.user === b.user && a.group === b.group;
  return !("user" in b) && a.uid === b.uid && a.gid === b.gid;
}

/** Whether two are one and the same thing, listed twice by patterns that overlap. */
function isSame(a: ListedFile, b: ListedFile): boolean {
  if (a.mode !== b.mode || a.mtime !== b.mtime || !isSameOwner(a.owner, b.owner)) return false;
  if (a.type === "file" && b.type === "file") {
    if (a.content.kind === "disk") return b.content.kind === "disk" && a.content.path === b.content.path;
    return a.content.kind === "member" && b.content.kind === "member" && a.origin === b.origin;
  }
  if (a.type === "symlink") return b.type === "symlink" && a.linkname === b.linkname;
  return a.type === "hardlink" && b.type === "hardlink" && a.linkname === b.linkname;
}
