import type { Layer, Source } from "@lading/oci";
import type { LayerPlan } from "../entry.ts";
import type { CompressedLayer } from "./compress-layer.ts";
import type { LayerCache } from "./layer-cache.ts";
import type { PackedLayer } from "./pack.ts";
import type { PlanMemory } from "./plan-memory.ts";

/** Packs layers while a build still finds out what else there will be. */
export interface Packing {
  readonly cache: LayerCache;
  /** Plans of earlier builds; undefined when everything is to be done anew. */
  readonly plans: PlanMemory | undefined;
  /** Where the blobs of what was packed are read. */
  readonly source: Source;
  /** Packs a plan; the same one once. */
  pack(plan: LayerPlan): Promise<PackedLayer>;
}

/** What was packed as a layer whose bytes are in `source`. */
export function toLayer({ descriptor, diffId }: CompressedLayer, source: Source): Layer {
  const blob = source.blob(descriptor);
  return { descriptor, diffId, open: (options) => blob.open(options) };
}
