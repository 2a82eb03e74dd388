import { compareBytestrings } from "../bytestring.ts";
import type { TarHeader } from "../tar/tar-header.ts";

/** A file as its layer has it; hardlinks are several nodes of one inode. */
export interface Inode {
  /** Of the entry that brought it; its `path` is where the layer says, not where it landed. */
  readonly header: TarHeader;
  /** Which layer brought it, from 0. */
  readonly layer: number;
  /** Which entry of that layer's tar, from 0; -1 for a directory that is only on the way to others. */
  readonly entry: number;
}

/** One name in a merged tree. */
export interface TreeNode {
  /** From the root, which is "", without slashes around it. */
  readonly path: string;
  /** Last component of the path. */
  readonly name: string;
  /** Which layer put it here last, from 0. */
  readonly layer: number;
  /** The same object for all hardlinks of a file. */
  readonly inode: Inode;
  /** Type, mode, owner and so on; `header.path` need not be this node's path. */
  readonly header: TarHeader;
  /** In byte order; empty for everything but directories. */
  children(): TreeNode[];
}

interface CountedInode extends Inode {
  links: number;
}

/** A node as Tree changes it. */
export class Node implements TreeNode {
  readonly name: string;
  readonly parent: Node | undefined;
  readonly depth: number;
  inode: CountedInode;
  layer: number;
  /** The last layer that put this node, or anything below it, here. */
  touched: number;
  /** Of directories, and of nothing else. */
  entries: Map<string, Node> | undefined;

  constructor(name: string, parent: Node | undefined, inode: CountedInode, layer: number) {
    this.name = name;
    this.parent = parent;
    this.depth = parent === undefined ? 0 : parent.depth + 1;
    this.inode = inode;
    this.layer = layer;
    this.touched = layer;
    this.entries = inode.header.type === "directory" ? new Map() : undefined;
  }

  get header(): TarHeader {
    return this.inode.header;
  }

  get path(): string {
    if (this.parent === undefined) return "";
    return this.parent.parent === undefined ? this.name : `${this.parent.path}/${this.name}`;
  }

  children(): Node[] {
    return [...(this.entries?.values() ?? [])].toSorted((a, b) => compareBytestrings(a.name, b.name));
  }
}

/** What a directory is that no layer describes: the engines create it like this (containerd `mkparent`). */
export function unnamedDirectory(path: string): TarHeader {
  return {
    path,
    type: "directory",
    mode: 0o755,
    uid: 0,
    gid: 0,
    uname: "",
    gname: "",
    size: 0,
    mtime: 0,
    linkname: "",
    devmajor: 0,
    devminor: 0,
    xattrs: new Map(),
  };
}
