import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  futimesSync,
  lchownSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  symlinkSync,
  utimesSync,
  writeSync,
} from "node:fs";
import { rm } from "node:fs/promises";
import { encodeBytestring } from "../bytestring.ts";
import type { Bytes } from "../content.ts";
import { OciError } from "../errors.ts";
import { makeFolder } from "../store/folder.ts";
import { type Layered, readFiles, readTree, type ReadTreeOptions } from "./layered-files.ts";
import type { Tree } from "./tree.ts";
import type { TreeNode } from "./tree-node.ts";

export interface ExtractOptions extends ReadTreeOptions {
  /**
   * Give files the owners, and the setuid and setgid bits, that the layers say; or the owners that a function makes of
   * those. Default: only when running as root.
   */
  readonly owners?: boolean | ((owner: FileOwner) => FileOwner) | undefined;
}

/** Who a file belongs to. */
export interface FileOwner {
  readonly uid: number;
  readonly gid: number;
}

export interface ExtractReport {
  readonly files: number;
  readonly directories: number;
  readonly links: number;
  /** Bytes of files. */
  readonly bytes: number;
  /** What is not there, or not as the image has it. */
  readonly skipped: readonly { readonly path: string; readonly reason: string }[];
}

/**
 * Writes what a container sees into `folder`, which must be empty or not exist. Devices and FIFOs
 * are left out and extended attributes are not set (Node can do neither); the report says so. On
 * failure nothing is left in the folder. Throws as `readTree`, and OciError COPY_FAILED when the
 * disk refuses.
 *
 * Safe against layers that lead elsewhere by its order: the tree is merged from headers first, and
 * on disk there are only real directories until the last file is written; links come last.
 */
export async function extractImage(
  image: Layered,
  folder: string,
  options: ExtractOptions = {},
): Promise<ExtractReport> {
  const tree = await readTree(image, options);
  const made = takeFolder(folder);
  try {
    const { owners = process.getuid?.() === 0 } = options;
    return await new Extraction(folder, tree, owners === true ? asTheyAre : owners).run(image, options);
  } catch (error) {
    await empty(folder, made);
    throw error;
  }
}

function asTheyAre(owner: FileOwner): FileOwner {
  return owner;
}

/** Makes the folder, or sees that it is empty; whether it was made. */
function takeFolder(folder: string): boolean {
  try {
    if (makeFolder(folder, 0o700)) return true;
    if (readdirSync(folder).length === 0) return false;
  } catch (error) {
    throw new OciError("COPY_FAILED", `Cannot extract to ${JSON.stringify(folder)}: ${text(error)}`, { cause: error });
  }
  throw new OciError("COPY_FAILED", `Cannot extract to ${JSON.stringify(folder)}: it is not empty`, {
    hint: "Name a new or empty folder",
  });
}

async function empty(folder: string, made: boolean): Promise<void> {
  if (made) return rm(folder, { recursive: true, force: true });
  for (const name of readdirSync(folder, { encoding: "buffer" }))
    await rm(Buffer.concat([Buffer.from(`${folder}/`), name]), { recursive: true, force: true });
}

class Extraction {
  readonly #folder: string;
  readonly #tree: Tree;
  readonly #owners: false | ((owner: FileOwner) => FileOwner);
  readonly #skipped: { path: string; reason: string }[] = [];
  readonly #count = { files: 0, directories: 0, links: 0, bytes: 0 };

  constructor(folder: string, tree: Tree, owners: false | ((owner: FileOwner) => FileOwner)) {
    this.#folder = folder;
    this.#tree = tree;
    this.#owners = owners;
  }

  async run(image: Layered, options: ExtractOptions): Promise<ExtractReport> {
    const directories = [...this.#tree].filter((node) => node.header.type === "directory");
    for (const node of directories)
      this.#attempt(node, (path) => {
        mkdirSync(path, 0o700);
      });
    for await (const { node, body } of readFiles(image, this.#tree, options)) await this.#writeFile(node, body());
    this.#writeLinks();
    // Modes and times last, and inside out: a directory may be closed to us, and filling it changes its time.
    for (const node of [this.#tree.root, ...directories].toReversed())
      this.#attempt(node, (path) => {
        const { mtime } = node.header;
        this.#own(node, (uid, gid) => chownSync(path, uid, gid));
        chmodSync(path, this.#mode(node));
        utimesSync(path, time(mtime), time(mtime));
        this.#count.directories++;
      });
    return { ...this.#count, skipped: this.#skipped };
  }

  async #writeFile(node: TreeNode, body: Bytes): Promise<void> {
    const { mtime } = node.header;
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    const file = this.#attempt(node, (path) => openSync(path, flags, 0o600));
    try {
      for await (const chunk of body)
        this.#attempt(node, () => {
          for (let at = 0; at < chunk.byteLength;) at += writeSync(file, chunk, at);
        });
      this.#attempt(node, () => {
        // The owner before the mode: chown clears setuid.
        this.#own(node, (uid, gid) => fchownSync(file, uid, gid));
        fchmodSync(file, this.#mode(node));
        futimesSync(file, time(mtime), time(mtime));
      });
    } finally {
      closeSync(file);
    }
    this.#count.files++;
    this.#count.bytes += node.header.size;
    if (node.header.xattrs.size > 0)
      this.#skip(node, `extended attributes ${[...node.header.xattrs.keys()].join(", ")}`);
  }

  #writeLinks(): void {
    const first = new Map<TreeNode["inode"], TreeNode>();
    const symlinks: TreeNode[] = [];
    for (const node of this.#tree) {
      const { type } = node.header;
      if (type === "directory") continue;
      const target = first.get(node.inode);
      if (target === undefined) first.set(node.inode, node);
      if (type === "symlink") symlinks.push(node);
      else if (type !== "file") this.#skip(node, type === "fifo" ? "a FIFO" : `a ${type} device`);
      else if (target !== undefined)
        this.#attempt(node, (path) => {
          linkSync(this.#path(target), path);
          this.#count.links++;
        });
    }
    // Symlinks last of all: until here no path can lead through one. Several names of one are several links.
    for (const node of symlinks)
      this.#attempt(node, (path) => {
        const { mtime, linkname } = node.header;
        symlinkSync(Buffer.from(encodeBytestring(linkname)), path);
        this.#own(node, (uid, gid) => lchownSync(path, uid, gid));
        lutimesSync(path, time(mtime), time(mtime));
        this.#count.links++;
      });
  }

  #own({ header, path }: TreeNode, chown: (uid: number, gid: number) => void): void {
    if (this.#owners === false) return;
    const { uid, gid } = this.#owners(header);
    try {
      chown(uid, gid);
    } catch (cause) {
      // What Linux says of ids that a user namespace does not have.
      if (!(cause instanceof Error && "code" in cause && cause.code === "EINVAL")) throw cause;
      throw new OciError(
        "COPY_FAILED",
        `Cannot give ${JSON.stringify(path)} to ${uid}:${gid}: this user namespace has no such id`,
        { cause, hint: "Map more: `usermod --add-subuids` and `--add-subgids` give ranges to a user" },
      );
    }
  }

  #mode(node: TreeNode): number {
    return this.#owners !== false ? node.header.mode : node.header.mode & 0o1777;
  }

  #skip(node: TreeNode, reason: string): void {
    this.#skipped.push({ path: node.path, reason });
  }

  /** Names that are not UTF-8 are bytes to Node. */
  #path(node: TreeNode): string | Buffer {
    const path = `${this.#folder}/${node.path}`;
    return path.isWellFormed() ? path : Buffer.from(encodeBytestring(path));
  }

  #attempt<T>(node: TreeNode, action: (path: string | Buffer) => T): T {
    try {
      return action(this.#path(node));
    } catch (error) {
      if (error instanceof OciError) throw error;
      throw new OciError("COPY_FAILED", `Cannot extract ${JSON.stringify(node.path)}: ${text(error)}`, {
        cause: error,
      });
    }
  }
}

/** To Node a negative number of seconds means now. */
function time(seconds: number): number | Date {
  return seconds < 0 ? new Date(seconds * 1000) : seconds;
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
