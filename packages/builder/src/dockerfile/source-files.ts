import { compareBytestrings } from "@lading/oci";
import type { EntryKind, EntryMeta, FileContent } from "../entry.ts";
import { join } from "../list/context.ts";
import { compileName, type Scope } from "../list/patterns.ts";

/**
 * The files that COPY and ADD take from: a folder on disk, a stage or an image. Paths are as in `EntryMeta`.
 */
export interface SourceFiles {
  /** As messages say it: `the context`, `stage "build"`. */
  readonly name: string;
  /** What is at a path that leads through no symlink; the last name is not followed. */
  get(path: string): SourceNode | undefined;
  /** Names in a folder, in any order. */
  names(path: string): Iterable<string>;
}

/** A file, a folder or anything else there is. */
export type SourceNode = Omit<EntryMeta, "path"> &
  (
    | {
        readonly type: "file";
        readonly size: number;
        readonly content: FileContent;
        /** What the names of one file have in common; undefined when it has no other. */
        readonly identity: unknown;
      }
    | Exclude<EntryKind, { type: "file" | "hardlink" }>
    | { readonly type: "directory" }
  );

/** Something that was found, where it really is. */
export interface FoundSource {
  readonly path: string;
  readonly node: SourceNode;
}

// As many as Linux follows (path_resolution(7)).
const maxLinks = 40;

/** What a path leads to, every symlink followed and none out of the root. */
export function resolveSource(files: SourceFiles, path: string): FoundSource | undefined {
  const waiting = path.split("/").toReversed();
  let here = "";
  let links = 0;
  for (let part = waiting.pop(); part !== undefined; part = waiting.pop()) {
    if (part === "" || part === ".") continue;
    if (part === "..") {
      here = here.slice(0, Math.max(here.lastIndexOf("/"), 0));
      continue;
    }
    const next = join(here, part);
    const node = files.get(next);
    if (node === undefined) return undefined;
    if (node.type === "symlink") {
      if (++links > maxLinks) return undefined;
      if (node.linkname.startsWith("/")) here = "";
      waiting.push(...node.linkname.split("/").toReversed());
    } else if (node.type !== "directory" && waiting.some((rest) => rest !== "" && rest !== ".")) return undefined;
    else here = next;
  }
  const node = files.get(here);
  return node === undefined ? undefined : { path: here, node };
}

/** Whether a path has wildcards: `*`, `?` or `[`, without a backslash before it. */
export function hasWildcards(path: string): boolean {
  return /[*?[]/.test(path.replaceAll(/\\[^]/g, ""));
}

/** What wildcards match, by Go's filepath.Match; in the order of the paths' bytes. With `deep`, `**` stands for any number of folders. */
export function matchSources(files: SourceFiles, pattern: string, deep: boolean): string[] {
  const tests = pattern
    .split("/")
    .map((part) =>
      deep && part === "**" ? "any" : hasWildcards(part) ? compileName(singleStars(part)) : unescape(part),
    );
  const found = new Set<string>();
  const look = (path: string, at: number): void => {
    const test = tests[at];
    if (test === undefined) {
      found.add(path);
      return;
    }
    if (test === "any") {
      look(path, at + 1);
      for (const name of files.names(path)) {
        const child = join(path, name);
        if (files.get(child)?.type === "directory") look(child, at);
      }
    } else if (typeof test === "string") {
      // Names without wildcards before the first with them may be symlinks.
      const child = tests.slice(0, at).every((before) => typeof before === "string")
        ? (resolveSource(files, join(path, test))?.path ?? join(path, test))
        : join(path, test);
      if (files.get(child) !== undefined) look(child, at + 1);
    } else if (files.get(path)?.type === "directory")
      for (const name of files.names(path)) if (test(name)) look(join(path, name), at + 1);
  };
  look("", 0);
  return [...found].sort(compareBytestrings);
}

/** Two stars in a name are one to Go. */
function singleStars(part: string): string {
  return part.replaceAll(/(\\[^])|\*+/g, (_, escaped?: string) => escaped ?? "*");
}

/** A literal path without the backslashes that keep it one. */
export function unescape(path: string): string {
  return path.replaceAll(/\\([^])/g, "$1");
}

/** What is left out of a folder. */
export interface Excluded {
  /** What patterns say of the folder itself; undefined when there are none. */
  readonly scope: Scope | undefined;
  /** The folder, as patterns have it. */
  readonly inner: string;
}

/**
 * Goes through what is in a folder, a folder before its content. What is excluded is left out, but for what is taken back
 * below; the paths that `visit` gets are relative to the folder.
 */
export function walkSource(
  files: SourceFiles,
  top: string,
  exclude: Excluded,
  visit: (inner: string, node: SourceNode) => void,
): void {
  const enter = (inner: string, scope: Scope | undefined, hidden: () => void): void => {
    let shown = false;
    const show = (): void => {
      if (shown) return;
      shown = true;
      hidden();
    };
    for (const name of [...files.names(join(top, inner))].sort(compareBytestrings)) {
      const child = join(inner, name);
      const node = files.get(join(top, child));
      if (node === undefined) continue;
      const judged = join(exclude.inner, child);
      const out = scope?.matches(judged, name) === true;
      if (out && node.type !== "directory") continue;
      const below = node.type === "directory" ? scope?.enter(judged, name) : undefined;
      if (out && below?.mayChange(true) !== true) continue;
      const tell = (): void => {
        show();
        visit(child, node);
      };
      if (!out) tell();
      if (node.type === "directory") enter(child, below, out ? tell : () => {});
    }
  };
  enter("", exclude.scope, () => {});
}
