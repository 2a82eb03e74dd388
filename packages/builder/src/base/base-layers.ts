import type { Base } from "./base.ts";
import type { BuiltLayer } from "../result.ts";

/** The layers that came with a base, named by its history. Sizes and counts are 0 where nobody had to look inside. */
export async function baseLayers(base: Base): Promise<readonly BuiltLayer[]> {
  const { layers, config } = base.image;
  const names = (config.history ?? []).filter(({ empty_layer: empty }) => empty !== true);
  const stats = base.isRead ? (await base.tree()).layers : [];
  return layers.map(({ descriptor, diffId }, index) => ({
    name: names[index]?.comment ?? names[index]?.created_by ?? "",
    descriptor,
    diffId,
    unpackedSize: stats[index]?.bytes ?? 0,
    entries: stats[index]?.entries ?? 0,
    reuse: "base",
    ms: 0,
  }));
}
