import type { LayerEntry } from "../entry.ts";

const shown = 10;

/**
 * Warnings about names in one folder that differ by case only: on many file systems one replaces the other.
 * Entries are in the order of their paths, where of such a pair the one with the first capital comes first.
 */
export function findCaseCollisions(layer: string, entries: readonly LayerEntry[]): string[] {
  const pairs: [string, string][] = [];
  /** Paths whose name has a capital, by what the path is with a small one. */
  const capitals = new Map<string, string>();
  for (const { path, type } of entries) {
    if (type === "whiteout" || type === "opaque") continue;
    const name = path.slice(path.lastIndexOf("/") + 1);
    const hasCapital = capital.test(name);
    const folded = hasCapital ? path.slice(0, path.length - name.length) + name.toLowerCase() : path;
    const other = capitals.get(folded);
    if (other !== undefined) pairs.push([other, path]);
    else if (hasCapital) capitals.set(folded, path);
  }
  const messages = pairs
    .slice(0, shown)
    .map(([a, b]) => `Layer "${layer}" has "/${a}" and "/${b}", which are one file where case does not count`);
  if (pairs.length > shown) messages.push(`Layer "${layer}" has ${pairs.length - shown} more pairs of such names`);
  return messages;
}

// Letters beyond ASCII count as capitals: which of them are, toLowerCase() knows.
const capital = /[A-Z\x80-\uffff]/;
