import type { BuildResult, BuiltLayer } from "@lading/builder";
import { formatPlatform, parseReference, familiarReference } from "@lading/oci";
import type { BesideBuild } from "../attest/attach-to-build.ts";
import type { Written } from "../write-image.ts";
import { reuseText } from "./progress-plain.ts";
import { formatCount, formatSize, formatTime } from "./quantity.ts";
import { printable, type Style, table } from "./terminal.ts";

/** What a person wants to know after a build: names, platforms, layers, outputs, time; `brief` where the rest was told. */
export function summary(
  result: BuildResult,
  names: readonly string[],
  outputs: readonly Written[],
  total: number,
  style: Style,
  brief: boolean,
  beside?: Pick<BesideBuild, "attestations" | "signatures">,
): string {
  const title =
    names.length === 0
      ? "an image without a name"
      : names.map((name) => familiarReference(parseReference(name))).join(", ");
  const platforms = result.images.map((image) => formatPlatform(image.platform)).join(", ");
  const { attestations = [], signatures = [] } = beside ?? {};
  const signed = signatures.length === 0 ? "" : ", signed";
  const attached = `${signed}${attestations.length === 0 ? "" : `, with ${formatCount(attestations.length, "attestation")}`}`;
  if (brief) return `built ${title} for ${platforms} in ${formatTime(total)}${attached}\n`;
  // Layers that every platform shares are one row; others say whose they are.
  const layers = new Map<string, { readonly layer: BuiltLayer; readonly platforms: string[] }>();
  for (const image of result.images)
    for (const layer of image.layers) {
      const key = `${layer.descriptor.digest} ${layer.name}`;
      const known = layers.get(key);
      if (known === undefined) layers.set(key, { layer, platforms: [formatPlatform(image.platform)] });
      else known.platforms.push(formatPlatform(image.platform));
    }
  const rows = [...layers.values()].map(({ layer, platforms }) => [
    `  ${printable(layer.name)}`,
    formatSize(layer.descriptor.size),
    layer.reuse === "none" ? `${reuseText(layer.reuse)} in ${formatTime(layer.ms)}` : style.dim(reuseText(layer.reuse)),
    platforms.length === result.images.length && result.images.length > 1
      ? style.dim("all platforms")
      : result.images.length > 1
        ? style.dim(platforms.join(", "))
        : "",
  ]);
  const written = outputs.map((output) =>
    output.unchanged
      ? `${printable(output.place)} ${style.dim(`is up to date (${formatSize(output.size)})`)}`
      : `${printable(output.place)} ${style.dim(`(${formatSize(output.size)})`)}`,
  );
  return `${[
    `${style.bold(title)} ${style.dim(`for ${platforms} in ${formatTime(total)}${attached}`)}`,
    ...table(rows, [1]),
    ...written.map((line) => `${style.green("✔")} ${line}`),
  ].join("\n")}\n`;
}
