import { BuildError } from "../errors.ts";
import { childPath, type Folder, Folders } from "./folders.ts";
import type { Lower } from "./lower.ts";
import { nearest } from "../nearest.ts";

/**
 * What a layer removes: real paths in the layers below, with true for the path itself and false
 * for what is in it. `/dir/*` empties a folder; symlinks on the way are followed, the last name is
 * not. What is removed together with a folder is left out. Throws BuildError SPEC for what is not there.
 */
export function findRemovals(patterns: readonly string[], lower: Lower): Map<string, boolean> {
  const found = new Map<string, boolean>();
  if (patterns.length === 0) return found;
  const folders = new Folders(lower, new Map());
  for (const pattern of patterns) {
    const parts = splitPath(pattern);
    const emptying = parts.at(-1) === "*";
    if (emptying) parts.pop();
    if (parts.length === 0 && !emptying)
      throw refuse(pattern, "it is the image's root", 'Write "/*" to remove all there is');

    const path = emptying ? findFolder(folders, lower, parts, pattern) : findPath(folders, lower, parts, pattern);
    if (!emptying) found.set(path, true);
    else if (!found.has(path) && !isEmpty(lower.names(path))) found.set(path, false);
  }
  for (const path of found.keys()) if (liesIn(found, path)) found.delete(path);
  return found;
}

/** Whether a folder above `path` is removed or emptied. */
function liesIn(found: ReadonlyMap<string, boolean>, path: string): boolean {
  for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1))
    if (found.has(path.slice(0, at))) return true;
  return path !== "" && found.has("");
}

function splitPath(pattern: string): string[] {
  const parts: string[] = [];
  for (const part of pattern.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) throw refuse(pattern, "it leads out of the image");
  }
  return parts;
}

function findPath(folders: Folders, lower: Lower, parts: readonly string[], pattern: string): string {
  const parent = descend(folders, lower, parts.slice(0, -1), pattern);
  const path = childPath(parent, parts.at(-1) ?? "");
  if (lower.get(path) !== undefined) return path;
  throw missing(lower, parent, parts.at(-1) ?? "", pattern);
}

function findFolder(folders: Folders, lower: Lower, parts: readonly string[], pattern: string): string {
  if (parts.length === 0 && lower.isEmpty) throw refuse(pattern, "there is no base");
  return descend(folders, lower, parts, pattern).path;
}

/** The folder that existing names lead to; the base need not have an entry for the image's root. */
function descend(folders: Folders, lower: Lower, parts: readonly string[], pattern: string): Folder {
  let folder = folders.root;
  for (const part of parts) {
    const path = childPath(folder, part);
    if (lower.get(path) === undefined) throw missing(lower, folder, part, pattern);
    try {
      folder = folders.find(path, pattern);
    } catch (cause) {
      throw new BuildError("SPEC", `Cannot remove "${pattern}": "/${path}" is not a folder`, { cause });
    }
  }
  return folder;
}

function missing(lower: Lower, folder: Folder, name: string, pattern: string): BuildError {
  if (/[*?[]/.test(name)) return refuse(pattern, "patterns are not known here", "Only /* at the end empties a folder");
  const near = nearest(name, lower.names(folder.path));
  return refuse(
    pattern,
    lower.isEmpty ? "there is no base" : `the base has no "${name}" in "/${folder.path}"`,
    near === undefined ? undefined : `It has "/${childPath(folder, near)}"`,
  );
}

function refuse(pattern: string, detail: string, hint?: string): BuildError {
  return new BuildError("SPEC", `Cannot remove "${pattern}": ${detail}`, hint === undefined ? {} : { hint });
}

function isEmpty(names: Iterable<string>): boolean {
  for (const _ of names) return false;
  return true;
}
