import type { Inventory } from "./inventory.ts";
import type { Package, PackageType } from "./package.ts";

/** What became of a package from one image to another; of several copies, all versions together. */
export interface PackageChange {
  readonly change: "added" | "removed" | "changed";
  readonly type: PackageType;
  readonly name: string;
  /** Versions, each once. */
  readonly before: readonly string[];
  readonly after: readonly string[];
  /** Layers that they are in, from 1: of the image after, or, for what was removed, of that before. */
  readonly layers: readonly number[];
}

/** The packages whose versions are not the same in both images, by type and name. */
export function comparePackages(before: Inventory, after: Inventory): readonly PackageChange[] {
  const a = byName(before);
  const b = byName(after);
  return [...new Set([...a.keys(), ...b.keys()])].toSorted().flatMap((key): PackageChange[] => {
    const old = a.get(key) ?? [];
    const now = b.get(key) ?? [];
    const one = now[0] ?? old[0];
    const versions = { before: versionsOf(old), after: versionsOf(now) };
    if (one === undefined || versions.before.join() === versions.after.join()) return [];
    const change = old.length === 0 ? "added" : now.length === 0 ? "removed" : "changed";
    const known = new Set(old.map(({ version }) => version));
    const there = change === "removed" ? old : now.filter(({ version }) => !known.has(version));
    const layers = [...new Set((there.length > 0 ? there : now).map(({ layer }) => layer + 1))];
    return [{ change, type: one.type, name: one.name, ...versions, layers: layers.toSorted((x, y) => x - y) }];
  });
}

function byName({ packages }: Inventory): ReadonlyMap<string, readonly Package[]> {
  return Map.groupBy(packages, ({ type, name }) => `${type} ${name}`);
}

function versionsOf(packages: readonly Package[]): readonly string[] {
  return [...new Set(packages.map(({ version }) => version))].toSorted();
}
