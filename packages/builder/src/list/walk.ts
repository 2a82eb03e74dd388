import { lstatSync, type Stats } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { compareBytestrings } from "@lading/oci";
import { diskPath, readFolder, unreadable } from "./context.ts";
import { BuildError } from "../errors.ts";
import type { Matcher, Scope } from "./patterns.ts";

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

/** Called for each thing found, a folder before what is in it. `inner` is its path below the folder walked, `name` the end of it, `disk` the whole. */
export type Visit = (inner: string, name: string, disk: string, stat: Stats) => void;

/**
 * Goes through a folder, the filters applied, symlinks never followed. The order is that of the paths' bytes, as far
 * as folders are visited that are only there for what an exception lets through below. Two system calls a
 * folder and one a file. Says whether anything was left out. Throws BuildError SOURCE_UNREADABLE, SOURCE_CHANGED.
 */
export async function walk(
  root: Root,
  filters: readonly Filter[],
  visit: Visit,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const walker = { root, visit, signal, folders: 0, leftOut: false };
  const active = filters.map((filter) => ({ ...filter, scope: filter.matcher.scope(filter.prefix.slice(0, -1)) }));
  await walkFolder(walker, { inner: "", filters: active, hidden: undefined });
  return walker.leftOut;
}

interface Walker {
  readonly root: Root;
  readonly visit: Visit;
  readonly signal: AbortSignal | undefined;
  folders: number;
  leftOut: boolean;
}

interface Folder {
  /** Below the folder walked, with a slash at the end; "" for that itself. */
  readonly inner: string;
  readonly filters: readonly ScopedFilter[];
  /** Set while nobody has been told of this folder, which is filtered out: something below may not be. */
  hidden: { readonly parent: Folder; readonly stat: Stats } | undefined;
}

type ScopedFilter = Filter & { readonly scope: Scope };

// The event loop gets a turn, so that a signal can come through, each so many folders.
const foldersPerTurn = 256;

async function walkFolder(walker: Walker, folder: Folder): Promise<void> {
  if (++walker.folders % foldersPerTurn === 0) await setImmediate();
  walker.signal?.throwIfAborted();

  const { root } = walker;
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
      walker.leftOut = true;
      if (!mayReturn(folder.filters, inner, name)) continue;
    }

    const disk = prefix + name;
    const stat = statChild(plain && name.isWellFormed() ? disk : diskPath(disk), root.path + inner);
    if (stat.isDirectory()) {
      const filters = folder.filters.map((filter) => ({
        ...filter,
        scope: filter.scope.enter(filter.prefix + inner, name),
      }));
      const child: Folder = { inner: `${inner}/`, filters, hidden: out ? { parent: folder, stat } : undefined };
      if (!out) show(walker, folder, inner, name, disk, stat);
      waiting.push({ name, folder: child });
    } else if (!out) {
      if (!stat.isFile() && !stat.isSymbolicLink()) throw special(root.path + inner, stat);
      show(walker, folder, inner, name, disk, stat);
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

function statChild(path: string | Buffer, name: string): Stats {
  try {
    return lstatSync(path);
  } catch (cause) {
    throw unreadable(name, cause);
  }
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

/** Reports something, and first the folders it lies in that are shown only for its sake. */
function show(walker: Walker, folder: Folder, inner: string, name: string, disk: string, stat: Stats): void {
  const { hidden } = folder;
  if (hidden !== undefined) {
    folder.hidden = undefined;
    const path = folder.inner.slice(0, -1);
    show(walker, hidden.parent, path, "", walker.root.disk + path, hidden.stat);
  }
  walker.visit(inner, name, disk, stat);
}

/** Why a layer cannot hold it: only files, folders and symlinks have a meaning on another machine. */
export function special(name: string, stat: Stats): BuildError {
  const kind = stat.isFIFO() ? "a FIFO" : stat.isSocket() ? "a socket" : "a device";
  return new BuildError("SOURCE_UNREADABLE", `Cannot add "${name}": it is ${kind}`, {
    hint: `Exclude it: only files, folders and links can be added from disk`,
  });
}
