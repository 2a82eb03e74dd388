import { lstatSync, type Stats } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { compareBytestrings } from "@lading/oci";
import { diskPath, readFolder, unreadable } from "./context.ts";
import { BuildError } from "../errors.ts";
import type { Matcher, Scope } from "./patterns.ts";
import type { Snapshot } from "./snapshot.ts";

/** Patterns that choose: what they match is left out, or with `keep` the only thing left in. */
export interface Filter {
  readonly matcher: Matcher;
  readonly keep: boolean;
  /** What the folder walked is called in the paths the patterns see: "" or a path with a slash at its end. */
  readonly prefix: string;
}

/** The folder to walk. Paths end with a slash, or are "" for a top. */
export interface Root {
  /** Absolute. */
  readonly disk: string;
  /** Below the context. */
  readonly path: string;
}

/**
 * Goes through a folder, the filters applied, symlinks never followed, and puts into `found` what it finds, a folder before
 * what is in it. The order is that of the paths' bytes, as far as folders are visited that are only there for what
 * an exception lets through below. Two system calls a folder and one a file. Throws BuildError SOURCE_UNREADABLE,
 * SOURCE_CHANGED.
 */
export async function walk(
  root: Root,
  filters: readonly Filter[],
  found: Snapshot,
  signal: AbortSignal | undefined,
): Promise<void> {
  const walker = { root, found, signal, folders: 0 };
  const active = filters.map((filter) => ({ ...filter, scope: filter.matcher.scope(filter.prefix.slice(0, -1)) }));
  await walkFolder(walker, { inner: "", filters: active, hidden: undefined, index: undefined });
}

interface Walker {
  readonly root: Root;
  readonly found: Snapshot;
  readonly signal: AbortSignal | undefined;
  folders: number;
}

interface Folder {
  /** Below the folder walked, with a slash at the end; "" for that itself. */
  readonly inner: string;
  readonly filters: readonly ScopedFilter[];
  /** Set while nobody has been told of this folder, which is filtered out: something below may not be. */
  hidden: { readonly parent: Folder; readonly name: string; readonly stat: Stats } | undefined;
  /** What `found` calls it, once something was found in it. */
  index: number | undefined;
}

type ScopedFilter = Filter & { readonly scope: Scope };

// The event loop gets a turn, so that a signal can come through, each so many folders.
const foldersPerTurn = 256;

async function walkFolder(walker: Walker, folder: Folder): Promise<void> {
  if (++walker.folders % foldersPerTurn === 0) await setImmediate();
  walker.signal?.throwIfAborted();

  const { root, found } = walker;
  const prefix = root.disk + folder.inner;
  const plain = prefix.isWellFormed();
  const waiting: { readonly name: string; readonly folder: Folder }[] = [];
  for (const name of sortedNames(prefix, root.path + folder.inner)) {
    // "a/b" sorts after "a-b" and "a.b": a folder waits for the names that come before its slash.
    for (let last = waiting.at(-1); last !== undefined; last = waiting.at(-1)) {
      if (name.startsWith(last.name) && name.charCodeAt(last.name.length) < slash) break;
      waiting.pop();
      await walkFolder(walker, last.folder);
    }

    const inner = folder.inner + name;
    const out = folder.filters.length > 0 && isOut(folder.filters, inner, name);
    if (out) {
      found.leftOut = true;
      if (!mayReturn(folder.filters, inner, name)) continue;
    }

    const disk = prefix + name;
    const stat = statChild(plain && name.isWellFormed() ? disk : diskPath(disk), root, inner);
    if (stat.isDirectory()) {
      const hidden = out ? { parent: folder, name, stat } : undefined;
      const filters = folder.filters.length === 0 ? folder.filters : enter(folder.filters, inner, name);
      if (!out) show(found, folder, name, stat);
      waiting.push({ name, folder: { inner: `${inner}/`, filters, hidden, index: undefined } });
    } else if (!out) {
      if (!stat.isFile() && !stat.isSymbolicLink()) throw special(root.path + inner, stat);
      show(found, folder, name, stat);
    }
  }
  for (let last = waiting.pop(); last !== undefined; last = waiting.pop()) await walkFolder(walker, last.folder);
}

const slash = 0x2f;

function sortedNames(disk: string, path: string): string[] {
  let names: string[];
  try {
    names = readFolder(disk);
  } catch (cause) {
    throw unreadable(path.slice(0, -1) || ".", cause);
  }
  // The order of UTF-16 is that of the bytes below the surrogates.
  return names.some((name) => /[\ud800-\uffff]/.test(name)) ? names.sort(compareBytestrings) : names.sort();
}

function statChild(path: string | Buffer, { path: prefix }: Root, inner: string): Stats {
  try {
    return lstatSync(path);
  } catch (cause) {
    throw unreadable(prefix + inner, cause);
  }
}

function enter(filters: readonly ScopedFilter[], inner: string, name: string): readonly ScopedFilter[] {
  return filters.map((filter) => ({ ...filter, scope: filter.scope.enter(filter.prefix + inner, name) }));
}

function isOut(filters: readonly ScopedFilter[], inner: string, name: string): boolean {
  return filters.some(({ scope, prefix, keep }) => scope.matches(prefix + inner, name) !== keep);
}

/** Whether something below this, which is filtered out, may not be: it must be of no filter's last word. */
function mayReturn(filters: readonly ScopedFilter[], inner: string, name: string): boolean {
  return filters.every(({ scope, prefix, keep }) => {
    const matched = scope.matches(prefix + inner, name);
    return matched === keep || scope.enter(prefix + inner, name).mayChange(matched);
  });
}

/** Puts something into what was found, and first the folders it lies in that are there only for its sake. */
function show(found: Snapshot, folder: Folder, name: string, stat: Stats): void {
  const { hidden } = folder;
  if (hidden !== undefined) {
    folder.hidden = undefined;
    show(found, hidden.parent, hidden.name, hidden.stat);
  }
  folder.index ??= found.enter(folder.inner);
  found.add(folder.index, name, stat);
}

/** Why a layer cannot hold it: only files, folders and symlinks have a meaning on another machine. */
export function special(name: string, stat: Stats): BuildError {
  const kind = stat.isFIFO() ? "a FIFO" : stat.isSocket() ? "a socket" : "a device";
  return new BuildError("SOURCE_UNREADABLE", `Cannot add "${name}": it is ${kind}`, {
    hint: `Exclude it: only files, folders and links can be added from disk`,
  });
}
