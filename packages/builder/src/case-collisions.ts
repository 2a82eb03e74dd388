import type { LayerEntry } from "./entry.ts";

const shown = 10;

/** Warnings about names in one folder that differ by case only: on many file systems one replaces the other. */
export function findCaseCollisions(layer: string, entries: readonly LayerEntry[]): string[] {
  // Every pair has a name with a capital. Strings are made and compared for those only whose hash is not their own.
  const hashes = new Int32Array(entries.length);
  const capitals = new Set<number>();
  for (const [index, { path }] of entries.entries()) {
    const hash = foldedHash(path);
    hashes[index] = hash.value;
    if (hash.capital) capitals.add(hash.value);
  }
  const pairs: [string, string][] = [];
  const met = new Map<number, string[]>();
  for (const [index, { path }] of entries.entries()) {
    const hash = hashes[index] ?? 0;
    if (!capitals.has(hash)) continue;
    const others = met.get(hash);
    if (others === undefined) {
      met.set(hash, [path]);
      continue;
    }
    const folded = foldName(path);
    const other = others.find((one) => foldName(one) === folded);
    if (other === undefined) others.push(path);
    else pairs.push([other, path]);
  }
  const messages = pairs
    .slice(0, shown)
    .map(([a, b]) => `Layer "${layer}" has "/${a}" and "/${b}", which are one file where case does not count`);
  if (pairs.length > shown) messages.push(`Layer "${layer}" has ${pairs.length - shown} more pairs of such names`);
  return messages;
}

function foldName(path: string): string {
  const name = path.lastIndexOf("/") + 1;
  return path.slice(0, name) + path.slice(name).toLowerCase();
}

/** A hash of the path that does not see the case of its last name, and whether that has anything but small letters. */
function foldedHash(path: string): { readonly value: number; readonly capital: boolean } {
  let value = path.length;
  let capital = false;
  let at = path.length - 1;
  for (; at >= 0; at--) {
    let unit = path.charCodeAt(at);
    if (unit === 0x2f) break;
    if (unit >= 0x41 && unit <= 0x5a) {
      unit += 0x20;
      capital = true;
      // Letters beyond ASCII change in ways of their own: all of them count as one.
    } else if (unit >= 0x80) {
      unit = 0x80;
      capital = true;
    }
    value = (Math.imul(value, 31) + unit) | 0;
  }
  // Of the folder some letters do: siblings' names follow each other here, not folders'.
  for (let i = 0; i < 8 && at - i >= 0; i++) value = (Math.imul(value, 31) + path.charCodeAt(at - i)) | 0;
  return { value: (Math.imul(value, 31) + path.charCodeAt(at >> 1)) | 0, capital };
}
