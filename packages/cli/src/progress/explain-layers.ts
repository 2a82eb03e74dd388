import type { BuildResult, BuiltLayer } from "@lading/builder";
import { formatPlatform } from "@lading/oci";
import { printable, type Style } from "./terminal.ts";

const reasons: Readonly<Record<string, string>> = {
  unchanged: "unchanged: no file was opened",
  "same content": "files were touched, but hold the same: nothing was packed",
  "first build": "packed: no earlier build of this layer is known",
  changed: "packed, because this changed:",
  "cache off": "packed: --no-cache",
  "cache entry gone": "packed: its cached bytes are gone",
};
const signs: Readonly<Record<string, string>> = { added: "+", removed: "-" };

/** Says of each layer why it was packed or not, down to the files. */
export function explainLayers(result: BuildResult, style: Style): string {
  const seen = new Set<BuiltLayer["diffId"]>();
  const lines: string[] = [];
  for (const image of result.images)
    for (const layer of image.layers) {
      if (layer.explanation === undefined || seen.has(layer.diffId)) continue;
      seen.add(layer.diffId);
      const { reason, changes, more } = layer.explanation;
      const everywhere = result.images.every(({ layers }) => layers.some(({ diffId }) => diffId === layer.diffId));
      const where = !everywhere ? ` ${style.dim(`(${formatPlatform(image.platform)})`)}` : "";
      lines.push(`${style.bold(printable(layer.name))}${where}: ${reasons[reason] ?? reason}`);
      for (const { path, what } of changes)
        lines.push(`  ${signs[what] ?? "~"} ${printable(path)}${what in signs ? "" : style.dim(` (${what})`)}`);
      if (more > 0) lines.push(style.dim(`  and ${more} more`));
    }
  return lines.map((line) => `${line}\n`).join("");
}
