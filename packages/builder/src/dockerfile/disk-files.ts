import { lstatSync, type Stats } from "node:fs";
import { Context, diskPath, hasCode, join, readFolder, readLink, unreadable } from "../list/context.ts";
import type { Matcher } from "../list/patterns.ts";
import { special } from "../list/walk.ts";
import { buildsOwn } from "../list/ignore.ts";
import type { SourceFiles, SourceNode } from "./source-files.ts";

/** A folder on disk, without what its ignore file hides. All of it belongs to root. */
export class DiskFiles implements SourceFiles {
  readonly name: string;
  readonly #context: Context;
  readonly #ignore: Matcher | undefined;
  readonly #nodes = new Map<string, SourceNode | undefined>();
  readonly #folders = new Map<string, readonly string[]>();

  /** `ignore` as of `readIgnoreFile`. Throws BuildError SOURCE_MISSING when `path` is no folder. */
  constructor(path: string, name: string, ignore: Matcher | undefined) {
    this.name = name;
    this.#context = new Context(path);
    this.#ignore = ignore?.isEmpty === true ? undefined : ignore;
  }

  get(path: string): SourceNode | undefined {
    if (this.#nodes.has(path)) return this.#nodes.get(path);
    const node = this.#look(path);
    this.#nodes.set(path, node);
    return node;
  }

  names(path: string): readonly string[] {
    return this.#all(path).filter((name) => this.get(join(path, name)) !== undefined);
  }

  /** Why something is hidden that is there; undefined when nothing hides it. */
  whyHidden(path: string): string | undefined {
    const pattern = this.#ignore?.deciding(path);
    if (pattern === undefined || this.#stat(path) === undefined) return undefined;
    if (this.#ignore?.isBuildsOwn(path) === true) return buildsOwn;
    return `"${pattern}" in ${this.#ignore?.source ?? "the ignore file"} hides it`;
  }

  #look(path: string): SourceNode | undefined {
    const stat = this.#stat(path);
    if (stat === undefined) return undefined;
    if (path !== "" && this.#ignore?.matches(path) === true) {
      // A folder is there for what is taken back in it.
      if (!stat.isDirectory() || !this.#ignore.scope(path).mayChange(true)) return undefined;
      if (this.names(path).length === 0) return undefined;
    }
    return this.#node(path, stat);
  }

  #node(path: string, stat: Stats): SourceNode {
    // As classic Docker has it, a file of the context lends nobody its owner's rights.
    const meta = { mode: stat.mode & 0o1777, uid: 0, gid: 0, mtime: Math.floor(stat.mtimeMs / 1000) };
    if (stat.isDirectory()) return { ...meta, type: "directory" };
    if (stat.isSymbolicLink()) return { ...meta, type: "symlink", linkname: this.#link(path) };
    if (stat.isFIFO()) return { ...meta, type: "fifo" };
    // A socket is nothing without who listens; BuildKit leaves an empty file too.
    if (stat.isSocket())
      return {
        ...meta,
        type: "file",
        size: 0,
        content: { kind: "literal", bytes: new Uint8Array() },
        identity: undefined,
      };
    if (!stat.isFile()) throw special(path, stat);
    const { size, mtimeMs, ctimeMs, ino, dev, mode } = stat;
    const content = {
      kind: "disk",
      path: this.#context.disk(path),
      stat: { size, mtimeMs, ctimeMs, ino, dev, mode },
    } as const;
    return { ...meta, type: "file", size, content, identity: stat.nlink > 1 ? `${dev}:${ino}` : undefined };
  }

  #link(path: string): string {
    try {
      return readLink(this.#context.disk(path));
    } catch (cause) {
      throw unreadable(path, cause);
    }
  }

  #stat(path: string): Stats | undefined {
    try {
      return lstatSync(diskPath(this.#context.disk(path)), { throwIfNoEntry: false });
    } catch (cause) {
      if (hasCode(cause, "ENOTDIR")) return undefined;
      throw unreadable(path, cause);
    }
  }

  #all(path: string): readonly string[] {
    let names = this.#folders.get(path);
    if (names === undefined) {
      try {
        names = readFolder(this.#context.disk(path));
      } catch (cause) {
        if (hasCode(cause, "ENOTDIR")) return [];
        throw unreadable(path === "" ? "." : path, cause);
      }
      this.#folders.set(path, names);
    }
    return names;
  }
}
