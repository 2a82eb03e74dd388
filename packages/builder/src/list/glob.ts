import { lstatSync } from "node:fs";
import { compareBytestrings } from "@lading/oci";
import { type Context, diskPath, join, type Located, readFolder, unreadable } from "./context.ts";
import { compileName, type Matcher } from "./patterns.ts";

/*
 * Globs of sources: `*`, `?` and `[a-z]` within a name (a leading dot is nothing special), `**` for any number of
 * folders, `\` before what stands for itself. As Go's filepath.Match and docker's COPY, and `**` besides.
 */

/** Whether a source is a glob. */
export function isGlob(source: string): boolean {
  return /[*?[]/.test(source.replace(/\\./gs, ""));
}

/** A path as a source that is no glob. */
export function literalSource(path: string): string {
  return path.replaceAll(/[\\*?[\]]/g, "\\$&");
}

/** What a source that is no glob names. */
export function unescapeGlob(source: string): string {
  return source.replace(/\\(.)/gs, "$1");
}

/**
 * What a glob matches, in the order of the paths' bytes. Symlinks that match are returned as links, and no symlinked
 * folder is entered except on the way to the first component with a wildcard, by the rules of `Context.locate`.
 * Nothing below a folder that matches is returned: the folder brings its contents.
 * `glob` is clean and relative to the context; what `ignore` hides for good `**` does not enter. Throws BuildError.
 */
export function expandGlob(context: Context, glob: string, ignore: Matcher | undefined): Located[] {
  const components = glob.split("/");
  const wild = components.findIndex((component) => isGlob(component));
  const start = context.locate(unescapeGlob(components.slice(0, wild).join("/")), glob);
  if (start?.stat.isSymbolicLink() === true) throw context.leadsOut(glob);
  if (start?.stat.isDirectory() !== true) return [];

  const found = new Map<string, Located>();
  const tests = components.slice(wild).map(componentTest);
  const look = (folder: Located, at: number): void => {
    const test = tests[at];
    if (test === undefined) {
      found.set(folder.path, folder);
      return;
    }
    if (!folder.stat.isDirectory()) return;
    if (test === "any") {
      if (ignore?.matches(folder.path) === true && !ignore.scope(folder.path).mayChange(true)) return;
      look(folder, at + 1);
      if (found.has(folder.path)) return;
    }
    for (const name of namesIn(context, folder.path)) {
      if (test !== "any" && !test(name)) continue;
      const path = join(folder.path, name);
      const stat = lstatSync(diskPath(context.disk(path)), { throwIfNoEntry: false });
      if (stat !== undefined && (test !== "any" || stat.isDirectory()))
        look({ path, stat }, test === "any" ? at : at + 1);
    }
  };
  look(start, 0);
  return Array.from(found.values())
    .filter(({ path }) => !parents(path).some((parent) => found.get(parent)?.stat.isDirectory() === true))
    .toSorted((a, b) => compareBytestrings(a.path, b.path));
}

function componentTest(component: string): "any" | ((name: string) => boolean) {
  return component === "**" ? "any" : compileName(component);
}

function namesIn(context: Context, path: string): string[] {
  try {
    return readFolder(context.disk(path));
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

function parents(path: string): string[] {
  const all = [""];
  for (let slash = path.indexOf("/"); slash !== -1; slash = path.indexOf("/", slash + 1))
    all.push(path.slice(0, slash));
  return all;
}
