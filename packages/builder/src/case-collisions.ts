import type { LayerEntry } from "./entry.ts";

const shown = 10;

/** Warnings about names in one folder that differ by case only: on many file systems one replaces the other. */
export function findCaseCollisions(layer: string, entries: readonly LayerEntry[]): string[] {
  /** Of paths whose last name has a letter that is not lower case, by path with that name in lower case. */
  const folded = new Map<string, string>();
  // Looking a path up costs its whole length: first look whether one so long and with such an end is there.
  const prints = new Set<number>();
  const pairs: [string, string][] = [];
  for (const { path } of entries) {
    const slash = path.lastIndexOf("/");
    if (!mayFold(path, slash + 1)) continue;
    const key = path.slice(0, slash + 1) + path.slice(slash + 1).toLowerCase();
    const other = folded.get(key);
    if (other !== undefined) pairs.push([other, path]);
    else if (key !== path) {
      folded.set(key, path);
      prints.add(fingerprint(key));
    }
  }
  if (folded.size > 0)
    for (const { path } of entries) {
      const other = prints.has(fingerprint(path)) ? folded.get(path) : undefined;
      if (other !== undefined) pairs.push([other, path]);
    }
  const messages = pairs
    .slice(0, shown)
    .map(([a, b]) => `Layer "${layer}" has "/${a}" and "/${b}", which are one file where case does not count`);
  if (pairs.length > shown) messages.push(`Layer "${layer}" has ${pairs.length - shown} more pairs of such names`);
  return messages;
}

function mayFold(path: string, start: number): boolean {
  for (let i = start; i < path.length; i++) {
    const unit = path.charCodeAt(i);
    if ((unit >= 0x41 && unit <= 0x5a) || unit >= 0x80) return true;
  }
  return false;
}

function fingerprint(path: string): number {
  const end = path.length - 1;
  return (
    (path.length << 16) ^ (path.charCodeAt(end) << 8) ^ path.charCodeAt(end >> 1) ^ (path.charCodeAt(end - 2) << 4)
  );
}
