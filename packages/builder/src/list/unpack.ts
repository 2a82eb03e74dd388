import type { Bytes, TarHeader } from "@lading/oci";
import type { Archive, ArchiveMember } from "./archive.ts";
import type { Attributes } from "./attributes.ts";
import type { EntrySink } from "./collected.ts";
import { join } from "./context.ts";
import type { FileContent } from "../entry.ts";
import { BuildError } from "../errors.ts";
import type { ListedEntry } from "./listing.ts";
import type { Filter } from "./walk.ts";

/**
 * Adds an archive's members below `destination`, as `tar -x` would leave them there: a later member replaces an earlier
 * one, names lead through the archive's own symlinks (which end at `destination`, as in docker's ADD), and
 * hardlinks stay links. What the description does not say the archive does. `name` is what messages call it.
 *
 * Throws BuildError SOURCE_UNREADABLE for names that climb out, hardlinks to nothing, and what overlay file systems
 * would take for deletions.
 */
export function addArchive(
  archive: Archive,
  name: string,
  destination: string,
  filters: readonly Filter[],
  attributes: Attributes,
  into: EntrySink,
): number {
  const tree = new Tree(name);
  for (const member of archive.members) tree.extract(member);

  const kept = keptPaths(tree.nodes.keys(), filters);
  for (const [path, node] of tree.nodes) {
    // The root of the image is nobody's; and "." says little about a folder that has another name here.
    if (!kept.has(path) || (path === "" && destination === "")) continue;
    refuseHidden(name, node);
    const entry = entryOf(
      node,
      join(destination, path).replace(/\/$/, ""),
      `${name}: ${node.path}`,
      archive,
      attributes,
    );
    if (entry.type === "file") into.addFile(entry, "", node.member);
    else into.add(entry);
  }
  return kept.size;
}

function keptPaths(paths: Iterable<string>, filters: readonly Filter[]): Set<string> {
  const kept = new Set<string>();
  for (const path of paths) {
    if (!filters.every(({ matcher, keep }) => (path !== "" && matcher.matches(path)) === keep)) continue;
    // What is kept brings the folders it lies in.
    for (let part = path; !kept.has(part); part = parentOf(part)) kept.add(part);
  }
  return kept;
}

interface Node {
  /** As the archive has it, for messages. */
  readonly path: string;
  /** Of a hardlink, what it leads to: they are one. */
  readonly member: ArchiveMember;
}

/** What is there after members are extracted one after the other. Keys are clean paths, "" the top. */
class Tree {
  readonly nodes = new Map<string, Node>();
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  extract(member: ArchiveMember): void {
    const { header } = member;
    const path = this.#place(this.#clean(header.path), header.path);
    let node: Node = { path: header.path, member };
    if (header.type === "hardlink") {
      const target = this.nodes.get(this.#place(this.#clean(header.linkname), header.path));
      if (target === undefined || target.member.header.type === "directory")
        throw this.#refusal(
          header.path,
          `it is a hardlink to "${header.linkname}", which is no file before it in the archive`,
        );
      node = { path: header.path, member: target.member };
    }
    const before = this.nodes.get(path);
    const isFolder = node.member.header.type === "directory";
    if (path === "" && !isFolder) throw this.#refusal(header.path, "it stands for the archive's top and is no folder");
    if (before?.member.header.type === "directory" && !isFolder) this.#removeBelow(path);
    this.nodes.set(path, node);
  }

  /** A leading slash goes, as tar takes it away. */
  #clean(path: string): string {
    const parts = path.split("/").filter((part) => part !== "" && part !== ".");
    if (parts.includes("..")) throw this.#refusal(path, 'it climbs by ".."');
    return parts.join("/");
  }

  /** Where a path comes to lie when symlinks among the folders before its last component are followed. */
  #place(path: string, member: string): string {
    const todo = path.split("/").toReversed();
    let here = "";
    for (let steps = 0, part = todo.pop(); part !== undefined; part = todo.pop()) {
      if (part === "" || part === ".") continue;
      if (part === "..") {
        here = parentOf(here);
        continue;
      }
      const next = join(here, part);
      const header = todo.length > 0 ? this.nodes.get(next)?.member.header : undefined;
      if (header?.type === "symlink") {
        // As many as the kernel follows (path_resolution(7)).
        if (++steps > 40) throw this.#refusal(member, "symlinks on its way lead round in circles");
        if (header.linkname.startsWith("/")) here = "";
        todo.push(...header.linkname.split("/").toReversed());
      } else if (header === undefined || header.type === "directory") here = next;
      else throw this.#refusal(member, `"${next}", which it lies in, is no folder`);
    }
    return here;
  }

  #removeBelow(folder: string): void {
    for (const path of this.nodes.keys()) if (path.startsWith(`${folder}/`)) this.nodes.delete(path);
  }

  #refusal(member: string, why: string): BuildError {
    return refusal(this.#name, member, why, "Make the archive without it");
  }
}

// A layer would hide files of those below it, and an archive is not asked for that.
function refuseHidden(archive: string, { member }: Node): void {
  const { path, type, devmajor, devminor, xattrs } = member.header;
  const hint = "Make the archive without it, or exclude it";
  const name = path.split("/").find((part) => part.startsWith(".wh."));
  if (name !== undefined) throw refusal(archive, path, `layers take names like "${name}" for deletions`, hint);
  if (type === "char" && devmajor === 0 && devminor === 0)
    throw refusal(archive, path, "overlay file systems take the device 0:0 for a deletion", hint);
  for (const key of xattrs.keys())
    if (/^(?:trusted|user)\.overlay\./.test(key))
      throw refusal(archive, path, `overlay file systems take the attribute "${key}" for their own`, hint);
}

function refusal(archive: string, member: string, why: string, hint: string): BuildError {
  return new BuildError("SOURCE_UNREADABLE", `Cannot unpack "${member}" of "${archive}": ${why}`, { hint });
}

function parentOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash === -1 ? "" : path.slice(0, slash);
}

function entryOf(
  { member }: Node,
  path: string,
  origin: string,
  archive: Archive,
  attributes: Attributes,
): ListedEntry {
  const { header } = member;
  const { given } = attributes;
  const isFolder = header.type === "directory";
  const common = {
    path,
    mode:
      header.type === "symlink"
        ? 0o777
        : isFolder
          ? attributes.directoryMode(header.mode)
          : attributes.fileMode(header.mode),
    owner: given.owner ? attributes.owner : { uid: header.uid, gid: header.gid },
    mtime: given.time ? attributes.time(header.mtime * 1000) : Math.floor(header.mtime),
    origin,
    explicit: true,
    ...xattrsOf(header, attributes),
  };
  const { type, devmajor, devminor } = header;
  if (type === "symlink") return { ...common, type, linkname: header.linkname };
  if (type === "char" || type === "block") return { ...common, type, devmajor, devminor };
  if (type === "directory" || type === "fifo") return { ...common, type };
  // The tree has put what a hardlink leads to in its place: what is left are files.
  const open = (): Bytes => archive.read(member);
  const digest = member.zipped?.digest ?? archive.digest;
  const content: FileContent = { kind: "member", digest, path: header.path, open };
  return { ...common, type: "file", size: header.size, content };
}

function xattrsOf(header: TarHeader, attributes: Attributes): { xattrs?: ReadonlyMap<string, Uint8Array> } {
  const own = header.type === "file" ? attributes.xattrs : undefined;
  if (own === undefined) return header.xattrs.size === 0 ? {} : { xattrs: header.xattrs };
  return { xattrs: new Map([...header.xattrs, ...own]) };
}
