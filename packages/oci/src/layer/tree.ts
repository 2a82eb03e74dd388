import { OciError } from "../errors.ts";
import type { LayerIndex } from "./layer-index.ts";
import type { TarHeader } from "../tar/tar-header.ts";
import { Node, type TreeNode, unnamedDirectory } from "./tree-node.ts";

/** What one layer of a tree brought. */
export interface LayerStats {
  /** Nodes, whiteouts and opaque markers. */
  readonly entries: number;
  readonly whiteouts: number;
  /** Regular files, hardlinks not counted. */
  readonly files: number;
  /** Bytes of these files. */
  readonly bytes: number;
}

/** Bytes that an image carries and nobody sees. */
export interface WastedFile {
  readonly path: string;
  readonly size: number;
  /** The layer that brought the file. */
  readonly layer: number;
  /** The layer that replaced or removed it. */
  readonly by: number;
}

/**
 * What a container sees: layers laid upon each other (image-spec layer.md §Applying). Every path and
 * hardlink target is resolved inside the root, through the symlinks of the layers below, as
 * containerd and umoci do: `bin -> /usr/bin` and then `bin/tool` puts `usr/bin/tool`.
 */
export class Tree implements Iterable<TreeNode> {
  readonly #root = new Node("", undefined, { header: unnamedDirectory(""), layer: 0, entry: -1, links: 1 }, 0);
  readonly #layers: LayerStats[] = [];
  readonly #wasted: WastedFile[] = [];
  // Entries come folder by folder; forgotten whenever a name may lead elsewhere.
  #lastDirectory: { path: string; node: Node } | undefined;

  static empty(): Tree {
    return new Tree();
  }

  /** The tree of these layers, the lowest first. */
  static of(indexes: Iterable<LayerIndex>): Tree {
    const tree = new Tree();
    for (const index of indexes) tree.applyLayer(index);
    return tree;
  }

  get root(): TreeNode {
    return this.#root;
  }

  /** What each layer brought, the lowest first. */
  get layers(): readonly LayerStats[] {
    return this.#layers;
  }

  /** Files that later layers, or later entries of the same one, replaced or removed. */
  get wasted(): readonly WastedFile[] {
    return this.#wasted;
  }

  /**
   * Lays the next layer on the tree; its number is `layers.length`. Throws OciError INVALID_ARCHIVE
   * when a hardlink's target is not there, or a path leads through a file; the tree is of no use then.
   */
  applyLayer(index: LayerIndex): this {
    const layer = this.#layers.length;
    let whiteouts = 0;
    let files = 0;
    let bytes = 0;
    this.#lastDirectory = undefined;
    for (const [number, entry] of index.entries.entries()) {
      if (entry.kind === "node") {
        this.#put(entry.header, layer, number);
        if (entry.header.type === "file") files++;
        bytes += entry.header.size;
      } else if (entry.kind !== "ignored") {
        whiteouts++;
        const node = this.#find(entry.path, entry.kind === "opaque");
        if (node !== undefined && (entry.kind === "opaque" || !this.#removeUntouched(node, layer)))
          this.#emptyOfLower(node, layer);
      }
    }
    this.#layers.push({ entries: index.entries.length, whiteouts, files, bytes });
    return this;
  }

  /** The node at `path`, links on the way followed and the last component not; undefined when there is none. */
  lstat(path: string): TreeNode | undefined {
    return this.#find(path, false);
  }

  /** The node that `path` leads to inside the root. Throws OciError LIMIT_EXCEEDED after 40 links. */
  resolve(path: string, options: { readonly followLast?: boolean } = {}): TreeNode | undefined {
    return this.#find(path, options.followLast ?? true);
  }

  /**
   * The path of the directory that an entry named `path` lands in, whether it is there yet or not:
   * "usr/bin" for "bin/tool" where `bin` is a link to it. Throws OciError LIMIT_EXCEEDED after 40 links.
   */
  resolveParent(path: string): string {
    const { node, missing } = this.#locate(parentOf(path), true);
    return [...(node.parent === undefined ? [] : [node.path]), ...missing].join("/");
  }

  /** What the directory at `path` holds, in byte order; undefined when there is no directory. */
  children(path: string): readonly TreeNode[] | undefined {
    const node = this.#find(path, true);
    return node?.entries === undefined ? undefined : node.children();
  }

  /** All nodes but the root, directories before what they hold, names in byte order. */
  *[Symbol.iterator](): Generator<TreeNode, void, void> {
    const waiting: Node[] = this.#root.children().toReversed();
    for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
      yield node;
      if (node.entries !== undefined && node.entries.size > 0)
        for (const child of node.children().toReversed()) waiting.push(child);
    }
  }

  #put(header: TarHeader, layer: number, entry: number): void {
    const { path } = header;
    const inode = { header, layer, entry, links: 1 };
    const parent = path === "" ? undefined : this.#directory(parentOf(path), header, layer);
    const name = path.slice(path.lastIndexOf("/") + 1);
    const existing = parent === undefined ? this.#root : parent.entries?.get(name);
    if (existing?.entries !== undefined && header.type === "directory") {
      existing.inode = inode;
      existing.layer = layer;
      touch(existing, layer);
      return;
    }
    if (parent === undefined) return;
    if (existing !== undefined) this.#remove(existing, layer);
    if (header.type !== "hardlink") {
      parent.entries?.set(name, new Node(name, parent, inode, layer));
      return;
    }
    const target = this.#find(header.linkname, false);
    if (target === undefined) throw refusal(header, `its target ${JSON.stringify(header.linkname)} is not there`);
    if (target.entries !== undefined)
      throw refusal(header, `its target ${JSON.stringify(header.linkname)} is a directory`);
    target.inode.links++;
    parent.entries?.set(name, new Node(name, parent, target.inode, layer));
  }

  /** The directory at `path`, made where it is missing. */
  #directory(path: string, header: TarHeader, layer: number): Node {
    if (this.#lastDirectory?.path === path) return this.#lastDirectory.node;
    const { node: found, missing } = this.#locate(path, true);
    // Deeper is only possible through links, and no engine could open it.
    if (found.depth + missing.length > 4096) throw refusal(header, "it lies more than 4096 directories deep");
    if (found.entries === undefined) throw refusal(header, `${JSON.stringify(found.path)} is no directory`);
    touch(found, layer);
    let node = found;
    for (const name of missing) {
      const inode = { header: unnamedDirectory(name), layer, entry: -1, links: 1 };
      const made = new Node(name, node, inode, layer);
      node.entries?.set(name, made);
      node = made;
    }
    this.#lastDirectory = { path, node };
    return node;
  }

  #find(path: string, followLast: boolean): Node | undefined {
    const { node, missing } = this.#locate(path, followLast);
    return missing.length === 0 ? node : undefined;
  }

  /** Where `path` leads: the last node that is there, and the names after it that are not. */
  #locate(path: string, followLast: boolean): { node: Node; missing: string[] } {
    let node = this.#root;
    const missing: string[] = [];
    const waiting = path.split("/").toReversed();
    let links = 0;
    for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
      if (name === "" || name === ".") continue;
      if (name === "..") {
        if (missing.pop() === undefined) node = node.parent ?? node;
        continue;
      }
      const child = missing.length === 0 ? node.entries?.get(name) : undefined;
      if (child === undefined) missing.push(name);
      else if (child.header.type === "symlink" && (followLast || waiting.length > 0)) {
        // As many as Linux follows (path_resolution(7)).
        if (++links > 40)
          throw new OciError("LIMIT_EXCEEDED", `Cannot resolve ${JSON.stringify(path)}: too many links`);
        const target = child.header.linkname;
        if (target.startsWith("/")) node = this.#root;
        waiting.push(...target.split("/").toReversed());
      } else node = child;
    }
    return { node, missing };
  }

  /** Removes a node unless this layer put it, or something below it, there. */
  #removeUntouched(node: Node, layer: number): boolean {
    if (node.touched >= layer) return false;
    this.#remove(node, layer);
    return true;
  }

  /** Removes everything of lower layers below a directory: whiteouts do not affect their own layer, whatever the order. */
  #emptyOfLower(directory: Node, layer: number): void {
    const waiting = [directory];
    for (let node = waiting.pop(); node !== undefined; node = waiting.pop())
      for (const child of node.entries?.values() ?? [])
        if (!this.#removeUntouched(child, layer) && child.entries !== undefined) waiting.push(child);
  }

  #remove(removed: Node, by: number): void {
    this.#lastDirectory = undefined;
    removed.parent?.entries?.delete(removed.name);
    const waiting = [removed];
    for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
      if (node.entries !== undefined) for (const child of node.entries.values()) waiting.push(child);
      else if (--node.inode.links === 0 && node.header.size > 0)
        this.#wasted.push({ path: node.path, size: node.header.size, layer: node.inode.layer, by });
    }
  }
}

function touch(node: Node, layer: number): void {
  for (let at: Node | undefined = node; at !== undefined && at.touched < layer; at = at.parent) at.touched = layer;
}

function parentOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? "" : path.slice(0, slash);
}

function refusal(header: TarHeader, detail: string): OciError {
  return new OciError("INVALID_ARCHIVE", `Cannot unpack layer entry ${JSON.stringify(header.path)}: ${detail}`);
}
