import { BuildError } from "../errors.ts";
import { literalPattern } from "../list/patterns.ts";
import type { Part } from "./unpacked-layers.ts";

/**
 * The layers that Spring Boot's layers.idx lists, as parts of the archive with these files. A file belongs to the first
 * that names it or a folder it lies in, as Spring Boot's own tools have it; what none names goes into the last.
 * Throws BuildError SPEC for an index that cannot be read.
 */
export function readLayersIndex(text: string, files: readonly string[], archive: string): readonly Part[] {
  const layers = parse(text, archive);
  const rest = layers.at(-1);
  if (rest === undefined) return [{ name: "application" }];
  const named = layers.flatMap(({ entries }) => entries);
  const left = files.some((file) => !named.some((entry) => isIn(file, entry)));
  return layers.map((layer, at) => {
    const before = layers.slice(0, at).flatMap(({ entries }) => entries);
    return left && layer === rest ? { name: layer.name, exclude: before.map(pattern) } : partOf(layer, before);
  });
}

/** The part of a layer without what is in those before it. */
function partOf({ name, entries }: ListedLayer, before: readonly string[]): Part {
  const own = entries.filter((entry) => !before.some((other) => isIn(entry, other)));
  const taken = before.filter((other) => own.some((entry) => isIn(other, entry)));
  const include = own.map(pattern);
  return taken.length === 0 ? { name, include } : { name, include, exclude: taken.map(pattern) };
}

interface ListedLayer {
  readonly name: string;
  readonly entries: string[];
}

function parse(text: string, archive: string): readonly ListedLayer[] {
  const layers: ListedLayer[] = [];
  for (const [at, line] of text.split(/\r?\n/).entries()) {
    const layer = /^- "(.*)":$/.exec(line)?.[1];
    const entry = /^ {2}- "(.*)"$/.exec(line)?.[1];
    const last = layers.at(-1);
    if (layer !== undefined) layers.push({ name: layer, entries: [] });
    else if (entry !== undefined && last !== undefined) last.entries.push(entry);
    else if (line.trim() !== "")
      throw new BuildError(
        "SPEC",
        `Cannot read the layers.idx in "${archive}": line ${at + 1} is ${JSON.stringify(line)}`,
        {
          hint: 'Lines are `- "layer":`, and below it `  - "path"`',
        },
      );
  }
  return layers;
}

function isIn(path: string, entry: string): boolean {
  return path === entry || (entry.endsWith("/") && path.startsWith(entry));
}

function pattern(entry: string): string {
  return literalPattern(entry.replace(/\/$/, ""));
}
