import { createHash } from "node:crypto";
import type { Package } from "./package.ts";

/** A name for each package that no other of the list has: its purl, with the path where that is not enough. */
export function namesOf(packages: readonly Package[]): ReadonlyMap<Package, string> {
  const count = new Map<string, number>();
  for (const { purl } of packages) count.set(purl, (count.get(purl) ?? 0) + 1);
  return new Map(packages.map((one) => [one, count.get(one.purl) === 1 ? one.purl : `${one.purl}#${one.path}`]));
}

/** A UUID that comes from `text` alone (RFC 9562 §5.8, version 8). */
export function uuidOf(text: string): string {
  const bytes = createHash("sha256").update(text).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/** The packages that nobody needs, and, of those that only need each other, the first. */
export function rootsOf(packages: readonly Package[]): readonly Package[] {
  const needed = new Set(packages.flatMap(({ dependencies }) => dependencies));
  const reached = new Set<Package>();
  const reach = (from: Package): void => {
    const waiting = [from];
    for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) {
      if (reached.has(one)) continue;
      reached.add(one);
      waiting.push(...one.dependencies);
    }
  };
  const roots = packages.filter((one) => !needed.has(one));
  roots.forEach(reach);
  for (const one of packages)
    if (!reached.has(one)) {
      roots.push(one);
      reach(one);
    }
  return roots;
}
