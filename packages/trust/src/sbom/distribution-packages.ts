import type { Catalogued } from "./catalog.ts";
import type { Package, PackageDraft } from "./package.ts";

/** What a distribution's database says of a package. */
export interface DatabaseEntry {
  readonly name: string;
  /** Whole, with epoch and release. */
  readonly version: string;
  readonly architecture: string;
  readonly licence?: string | undefined;
  readonly supplier?: string | undefined;
  /** Names that it goes by for others, its own aside. */
  readonly provides: readonly string[];
  /** What it needs: of each list one is enough. */
  readonly needs: readonly (readonly string[])[];
}

/** No name or version that a distribution gives is longer, or holds anything that is not shown. */
export function isPlain(text: string): boolean {
  return /^[\x21-\x7e]{1,256}$/.test(text);
}

/**
 * The packages of a database. Every layer that changes one has it whole, so a package is of the lowest layer from which
 * on it was there in this version.
 */
export function distributionPackages<Entry extends DatabaseEntry>(
  files: readonly Catalogued<readonly Entry[]>[],
  packageOf: (entry: Entry) => Pick<Package, "type" | "purl">,
): readonly PackageDraft[] {
  const drafts: { readonly entry: Entry; readonly draft: PackageDraft }[] = [];
  for (const { path, layer: own, fact, before } of files) {
    const layers = fact.map(() => own);
    let there = new Map(fact.map((entry, at) => [identityOf(entry), at]));
    for (const { layer, fact: entries } of before) {
      const still = new Map<string, number>();
      for (const entry of entries) {
        const at = there.get(identityOf(entry));
        if (at === undefined) continue;
        layers[at] = layer;
        still.set(identityOf(entry), at);
      }
      there = still;
    }
    for (const [at, entry] of fact.entries()) {
      const { name, version, licence, supplier } = entry;
      const layer = layers[at] ?? own;
      const draft = { ...packageOf(entry), name, version, path, layer, licence, supplier, dependencies: [] };
      drafts.push({ entry, draft });
    }
  }
  link(drafts);
  return drafts.map(({ draft }) => draft);
}

function identityOf({ name, version, architecture }: DatabaseEntry): string {
  return `${name} ${version} ${architecture}`;
}

function link(drafts: readonly { readonly entry: DatabaseEntry; readonly draft: PackageDraft }[]): void {
  const byName = new Map<string, { readonly architecture: string; readonly draft: PackageDraft }[]>();
  for (const { entry, draft } of drafts)
    for (const name of [entry.name, ...entry.provides]) {
      const all = byName.get(name) ?? [];
      all.push({ architecture: entry.architecture, draft });
      byName.set(name, all);
    }
  for (const { entry, draft } of drafts) {
    const needed = new Set<PackageDraft>();
    for (const alternatives of entry.needs) {
      const there = alternatives.flatMap((name) => byName.get(name) ?? []);
      const fit = there.find(({ architecture }) => architecture === entry.architecture) ?? there[0];
      if (fit !== undefined && fit.draft !== draft) needed.add(fit.draft);
    }
    draft.dependencies.push(...needed);
  }
}
