import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { isAbsolute, join, relative } from "node:path";
import { decodeBytestring } from "@lading/oci";
import { BuildError } from "../errors.ts";
import { cleanPath, Matcher } from "./patterns.ts";

/** Looked for in this order; the first that exists is the one. */
export const ignoreFileNames: readonly string[] = [".ladingignore", ".containerignore", ".dockerignore"];

/**
 * The patterns of the context's ignore file: `name` (relative to the context), or the first of `ignoreFileNames`
 * there is; undefined when there is none. The ignore file itself is a file as any other. `outputs` (absolute paths) are
 * ignored whatever the file says: an image must not end up in the next one.
 * Throws BuildError SOURCE_MISSING when a file named does not exist, SPEC when a pattern is malformed.
 */
export function readIgnoreFile(context: string, name?: string, outputs: readonly string[] = []): Matcher | undefined {
  const literal = outputPatterns(context, outputs);
  for (const candidate of name === undefined ? ignoreFileNames : [name]) {
    let text: string;
    try {
      text = readText(join(context, candidate));
    } catch (cause) {
      if (name === undefined && cause instanceof Error && "code" in cause && cause.code === "ENOENT") continue;
      throw new BuildError("SOURCE_MISSING", `Cannot read the ignore file "${candidate}" in ${context}`, { cause });
    }
    return new Matcher(parseIgnoreFile(text), candidate, literal);
  }
  return ignoreOutputs(context, outputs);
}

/** What is ignored whatever the ignore file says: the outputs of the build, absolute paths. */
export function ignoreOutputs(context: string, outputs: readonly string[] = []): Matcher | undefined {
  const patterns = outputPatterns(context, outputs);
  return patterns.length === 0 ? undefined : new Matcher([], "outputs", patterns);
}

function outputPatterns(context: string, outputs: readonly string[]): readonly string[] {
  const own = outputs.map((path) => relative(context, path)).filter((path) => path !== "" && !isOutside(path));
  return own.flatMap((path) => {
    const pattern = path.replaceAll(/[\\*?[\]]/g, "\\$&");
    // An archive that is being written, or was when its writer was killed.
    return [pattern, pattern.replace(/[^/]*$/, ".lading-*-????????????")];
  });
}

function readText(path: string): string {
  // Opening a FIFO would wait for its writer.
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!fstatSync(file).isFile()) throw new Error("it is not a regular file");
    // Names are bytes, and so are patterns for them.
    return decodeBytestring(readFileSync(file));
  } finally {
    closeSync(file);
  }
}

function isOutside(path: string): boolean {
  return path === ".." || path.startsWith("../") || isAbsolute(path);
}

/** The patterns of a .dockerignore file, ready for `Matcher` (moby/patternmatcher ignorefile.ReadAll). */
export function parseIgnoreFile(text: string): string[] {
  const lines = text.replace(/^\uFEFF/, "").split(/\r?\n/);
  return lines
    .filter((line) => !line.startsWith("#"))
    .map(normalizePattern)
    .filter((pattern) => pattern !== "");
}

/** One pattern as people write it: blanks round it go, and so does a leading slash, which means the same as none. */
export function normalizePattern(line: string): string {
  const pattern = line.trim();
  const exception = pattern.startsWith("!");
  const bare = exception ? pattern.slice(1).trim() : pattern;
  if (bare === "") return pattern;
  const clean = cleanPath(bare);
  return (exception ? "!" : "") + (clean.length > 1 && clean.startsWith("/") ? clean.slice(1) : clean);
}

/** Why a source is left out that is the build's own. */
export const buildsOwn = "It describes the build, or is written by it, and neither is a source";
