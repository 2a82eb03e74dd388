import { readdirSync } from "node:fs";
import { literalPattern } from "../list/patterns.ts";
import { compileJavaGlob } from "./java-glob.ts";

export interface JibPatterns {
  readonly includes: readonly string[];
  readonly excludes: readonly string[];
}

/** What patterns do to a folder. */
export interface LeftOut {
  /** Patterns of what they take away, relative to the folder; a folder that they empty is one. */
  readonly exclude: readonly string[];
  /** Whether they leave nothing. */
  readonly all: boolean;
}

/**
 * Applies Jib's patterns to a folder on disk. They see whole paths, which begin with `shown`, and a folder that matches
 * says nothing of what is in it: patterns of an ignore file cannot say the same, so that they are found out file by file.
 */
export function leftOut(folder: string, shown: string, patterns: JibPatterns): LeftOut {
  const includes = patterns.includes.map(compileJibPattern);
  const excludes = patterns.excludes.map(compileJibPattern);
  const keeps = (path: string): boolean =>
    !excludes.some((glob) => glob.test(path)) && (includes.length === 0 || includes.some((glob) => glob.test(path)));
  const { exclude, all } = look({ folder, shown, keeps }, "");
  return { exclude, all: all && !keeps(shown) };
}

/** A pattern with a slash at its end is for all that is below. Throws SyntaxError. */
export function compileJibPattern(pattern: string): RegExp {
  return compileJavaGlob(/[\\/]$/.test(pattern) ? `${pattern}**` : pattern);
}

interface Look {
  readonly folder: string;
  readonly shown: string;
  readonly keeps: (path: string) => boolean;
}

function look(at: Look, inner: string): LeftOut {
  const exclude: string[] = [];
  let all = true;
  const children = readdirSync(`${at.folder}${inner}`, { withFileTypes: true });
  for (const child of children.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = `${inner}/${child.name}`;
    const below: LeftOut = child.isDirectory() ? look(at, path) : { exclude: [], all: true };
    if (below.all && !at.keeps(at.shown + path)) exclude.push(literalPattern(path.slice(1)));
    else {
      all = false;
      exclude.push(...below.exclude);
    }
  }
  return { exclude, all };
}
