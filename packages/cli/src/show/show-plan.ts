import { type BuildRequest, type LayerPlan, planBuild } from "@lading/builder";
import { formatPlatform } from "@lading/oci";
import { formatMode } from "./image-layers.ts";
import { formatCount, formatSize } from "../progress/quantity.ts";
import { printable, type Style, styleFor, table } from "../progress/terminal.ts";

type LayerEntry = LayerPlan["entries"][number];

export interface ShowPlanOptions {
  /** What the image would be called. */
  readonly names: readonly string[];
  /** Where it would go, as messages say it. */
  readonly outputs: readonly string[];
  /** What was told already of how it came to be described. */
  readonly warnings: readonly string[];
  readonly json: boolean;
}

/** `--dry-run`: what would be built and where it would go, on stdout. */
export async function showPlan(
  request: BuildRequest,
  { names, outputs, warnings, json }: ShowPlanOptions,
): Promise<void> {
  const plan = await planBuild(request);
  const style = styleFor(process.stdout);
  for (const warning of plan.warnings)
    process.stderr.write(`${styleFor(process.stderr).yellow("warning:")} ${printable(warning)}\n`);
  if (json) {
    const images = plan.images.map(({ platform, layers, base, config, annotations }) => ({
      platform: formatPlatform(platform),
      ...(base === undefined ? {} : { base }),
      layers: layers.map(({ name, unknown, entries }) => ({
        name,
        ...(unknown === undefined ? {} : { unknown }),
        entries: entries.map(describeEntry),
      })),
      config,
      annotations,
    }));
    const document = {
      names,
      outputs,
      images,
      ...(images.length > 1 ? { annotations: plan.indexAnnotations } : {}),
      warnings: [...warnings, ...plan.warnings],
    };
    process.stdout.write(`${JSON.stringify(document, undefined, 2)}\n`);
    return;
  }

  const lines: string[] = [];
  const shown = new Set<LayerPlan>();
  for (const { platform, base, layers, config } of plan.images) {
    const from =
      base === undefined ? "from scratch" : `from ${printable(base.place)} (${formatCount(base.layers, "layer")})`;
    lines.push(`${style.bold(formatPlatform(platform))} ${style.dim(from)}`);
    for (const layer of layers) {
      const size = layer.entries.reduce((sum, entry) => sum + (entry.type === "file" ? entry.size : 0), 0);
      if (layer.unknown === true) {
        lines.push(`  ${printable(layer.name)}  ${style.dim("known when it has run")}`);
        continue;
      }
      const again = shown.has(layer) ? style.dim("  as above") : "";
      lines.push(
        `  ${printable(layer.name)}  ${style.dim(`${formatCount(layer.entries.length, "entry", "entries")}, ${formatSize(size)}`)}${again}`,
      );
      if (!shown.has(layer)) lines.push(...entryLines(layer.entries, style));
      shown.add(layer);
    }
    for (const [key, value] of Object.entries(config.config ?? {}))
      lines.push(`  ${style.dim(key)} ${printable(JSON.stringify(value))}`);
  }
  lines.push(...names.map((name) => `${style.dim("would be called")} ${printable(name)}`));
  lines.push(...outputs.map((output) => `${style.dim("would write")} ${printable(output)}`));
  process.stdout.write(`${lines.join("\n")}\n`);
}

// Enough to see where things go; --json has all of them.
const shownEntries = 40;

function entryLines(entries: readonly LayerEntry[], style: Style): string[] {
  const rows = entries
    .slice(0, shownEntries)
    .map((entry) => [
      `    ${style.dim(sign(entry))}`,
      `${entry.uid}:${entry.gid}`,
      entry.type === "file" ? formatSize(entry.size) : "",
      printable(`/${entry.path}`) + style.dim("linkname" in entry ? printable(` -> ${entry.linkname}`) : ""),
    ]);
  const more = entries.length - rows.length;
  return [...table(rows, [1, 2]), ...(more > 0 ? [style.dim(`    and ${more} more`)] : [])];
}

function sign(entry: LayerEntry): string {
  if (entry.type === "whiteout") return "deletes   ";
  if (entry.type === "opaque") return "empties   ";
  return formatMode({ type: entry.type, mode: entry.mode });
}

function describeEntry(entry: LayerEntry): object {
  const { type, path, mode, uid, gid, mtime, xattrs = new Map<string, Uint8Array>() } = entry;
  const source = entry.type === "file" && entry.content.kind === "disk" ? { source: entry.content.path } : {};
  return {
    type,
    path,
    mode: mode.toString(8).padStart(4, "0"),
    uid,
    gid,
    mtime,
    ...(entry.type === "file" ? { size: entry.size, ...source } : {}),
    ...("linkname" in entry ? { linkname: entry.linkname } : {}),
    ...("devmajor" in entry ? { devmajor: entry.devmajor, devminor: entry.devminor } : {}),
    // As a description takes them.
    ...(xattrs.size === 0
      ? {}
      : { xattrs: Object.fromEntries(Array.from(xattrs, ([name, value]) => [name, `0s${base64(value)}`])) }),
  };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}
