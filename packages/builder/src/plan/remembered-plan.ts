import type { LayerEntry, LayerPlan } from "../entry.ts";
import type { PackedLayer } from "../pack/pack.ts";

/** The plan of a layer that is in the cache, of which it is known how many entries it has: they are made when asked for. */
export class RememberedPlan implements LayerPlan {
  readonly name: string;
  readonly packed: PackedLayer;
  readonly count: number;
  /** Bytes of its files. */
  readonly size: number;
  readonly #make: () => readonly LayerEntry[];
  #entries: readonly LayerEntry[] | undefined;

  constructor(
    name: string,
    packed: PackedLayer,
    known: { readonly count: number; readonly size: number },
    make: () => readonly LayerEntry[],
  ) {
    this.name = name;
    this.packed = packed;
    this.count = known.count;
    this.size = known.size;
    this.#make = make;
  }

  get entries(): readonly LayerEntry[] {
    return (this.#entries ??= this.#make());
  }
}

export function countEntries(plan: LayerPlan): number {
  return plan instanceof RememberedPlan ? plan.count : plan.entries.length;
}

/** Bytes of a layer's files. */
export function sizeOfFiles(plan: LayerPlan): number {
  if (plan instanceof RememberedPlan) return plan.size;
  let size = 0;
  for (const entry of plan.entries) if (entry.type === "file") size += entry.size;
  return size;
}
