import { type ContainerConfig, formatPlatform, type Image } from "@lading/oci";
import { formatMode, type ImageFacts, layerTitle } from "./image-layers.ts";
import type { Located } from "../locate.ts";
import { formatCount, formatSize } from "../progress/quantity.ts";
import { printable, type Style, table } from "../progress/terminal.ts";

// Of the files that nobody sees, the largest.
const shownWaste = 10;

/** A person's view of an image. */
export function showImage(
  located: Located,
  platforms: readonly { readonly platform: string; readonly digest: string }[],
  image: Image,
  facts: ImageFacts,
  style: Style,
  files: boolean,
): string {
  const shown = formatPlatform(image.platform);
  const title = located.names.length === 0 ? located.shown : located.names.join(", ");
  const size = facts.layers.reduce((sum, layer) => sum + layer.size, 0);
  const head = [
    ["digest", located.descriptor.digest],
    ...(platforms.length > 1 || platforms[0]?.digest !== located.descriptor.digest
      ? [
          [
            "platforms",
            platforms.map(({ platform }) => (platform === shown ? style.bold(platform) : platform)).join(", "),
          ],
        ]
      : []),
    ["image", `${shown}, ${formatSize(size)}`],
    ...(image.descriptor.digest === located.descriptor.digest ? [] : [["manifest", image.descriptor.digest]]),
    ["id", image.manifest.config.digest],
    ...present("created", image.config.created),
    ...present("author", image.config.author),
    ...runtime(image.config.config ?? {}),
    ...Object.entries(image.manifest.annotations ?? {}).map(([key, value], at) => [
      at === 0 ? "annotations" : "",
      `${printable(key)}=${printable(value)}`,
    ]),
  ];
  const lines = [
    style.bold(printable(title)),
    ...table(head.map(([key = "", value = ""]) => [`  ${style.dim(key)}`, value])),
    "",
    ...layerLines(facts, style, files),
    ...wasteLines(facts, style),
  ];
  return `${lines.join("\n")}\n`;
}

function runtime(config: ContainerConfig): string[][] {
  const { Healthcheck: health } = config;
  return [
    ...present("entrypoint", argv(config.Entrypoint)),
    ...present("cmd", argv(config.Cmd)),
    ...present("workdir", config.WorkingDir),
    ...present("user", config.User),
    ...list("env", config.Env),
    ...present("ports", Object.keys(config.ExposedPorts ?? {}).join(", ")),
    ...present("volumes", Object.keys(config.Volumes ?? {}).join(", ")),
    ...present("stop signal", config.StopSignal),
    ...present("healthcheck", argv(health?.Test)),
    ...list(
      "labels",
      Object.entries(config.Labels ?? {}).map(([key, value]) => `${key}=${value}`),
    ),
  ];
}

function present(key: string, value: string | undefined): string[][] {
  return value === undefined || value === "" ? [] : [[key, printable(value)]];
}

function list(key: string, values: readonly string[] = []): string[][] {
  return values.map((value, at) => [at === 0 ? key : "", printable(value)]);
}

function argv(command: readonly string[] | undefined): string | undefined {
  return command === undefined || command.length === 0 ? undefined : JSON.stringify(command);
}

function layerLines(facts: ImageFacts, style: Style, files: boolean): string[] {
  const rows = table(
    facts.layers.map((layer, at) => [
      `  ${at + 1}`,
      formatSize(layer.size),
      style.dim("→"),
      formatSize(layer.fileSize),
      formatCount(layer.files, "file"),
      printable(layerTitle(layer)),
    ]),
    [0, 1, 3, 4],
  );
  const lines = [style.bold(formatCount(facts.layers.length, "layer"))];
  for (const [at, row] of rows.entries()) {
    lines.push(row);
    const layer = facts.layers[at];
    if (files && layer !== undefined) lines.push(...fileLines(layer.index, style), "");
  }
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

function fileLines(index: ImageFacts["layers"][number]["index"], style: Style): string[] {
  const rows = index.entries.flatMap((entry): string[][] => {
    if (entry.kind === "ignored") return [];
    const path = printable(`/${entry.kind === "node" ? entry.header.path : entry.path}`);
    if (entry.kind === "whiteout") return [["     ", style.red("deletes"), "", "", path]];
    if (entry.kind === "opaque") return [["     ", style.red("empties"), "", "", path]];
    const { header } = entry;
    const link =
      header.type === "symlink" ? ` -> ${header.linkname}` : header.type === "hardlink" ? ` = /${header.linkname}` : "";
    const device =
      header.type === "char" || header.type === "block" ? `${header.devmajor}, ${header.devminor}` : undefined;
    const amount = device ?? (header.type === "file" ? formatSize(header.size) : "");
    return [
      [
        "     ",
        style.dim(formatMode(header)),
        `${header.uid}:${header.gid}`,
        amount,
        `${path}${style.dim(printable(link))}`,
      ],
    ];
  });
  return table(rows, [2, 3]);
}

function wasteLines({ wasted }: ImageFacts, style: Style): string[] {
  if (wasted.length === 0) return [];
  const total = wasted.reduce((sum, file) => sum + file.size, 0);
  const largest = wasted.toSorted((a, b) => b.size - a.size).slice(0, shownWaste);
  const rows = table(
    largest.map((file) => [
      `  ${formatSize(file.size)}`,
      printable(`/${file.path}`),
      style.dim(`layer ${file.layer + 1}, hidden by layer ${file.by + 1}`),
    ]),
    [0],
  );
  const more = wasted.length - largest.length;
  return [
    "",
    `${style.bold("wasted")} ${style.yellow(formatSize(total))} ${style.dim(`in ${formatCount(wasted.length, "file")} that no container sees`)}`,
    ...rows,
    ...(more === 0 ? [] : [style.dim(`  and ${more} more`)]),
  ];
}
