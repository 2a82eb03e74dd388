import type { Image } from "@lading/oci";
import type { Flags } from "../flags.ts";
import { showPackages, warnOfUnread } from "../show/show-packages.ts";
import { compareImages, type FileChange, type ImageDifference } from "../show/compare-images.ts";
import { locate } from "../locate.ts";
import { openPlatform } from "../open-platform.ts";
import type { Command } from "../program.ts";
import { Registries } from "../registries.ts";
import { registryOptions } from "../registry-flags.ts";
import { formatCount, formatSize } from "../progress/quantity.ts";
import { printable, type Style, styleFor, table } from "../progress/terminal.ts";

export const command: Command = {
  positionals: {
    a: { type: "string", describe: "the image before" },
    b: { type: "string", describe: "the image after" },
  },
  options: {
    platform: { type: "string", requiresArg: true, describe: "which image of several; default: this machine's" },
    packages: { type: "boolean", describe: "compare the packages that they hold, and not their files" },
    "exit-code": { type: "boolean", describe: "end with 1 when the images differ" },
    ...registryOptions,
  },
  examples: [
    ["diff oci-archive:old.tar oci-archive:new.tar", "what a release changed"],
    ["diff --packages ghcr.io/acme/app:1 ghcr.io/acme/app:2", "which packages came, went and moved on"],
  ],
  run: async ({ flags, signal }) => {
    await using registries = Registries.from(flags, [flags.required("a"), flags.required("b")]);
    const platform = flags.text("platform");
    const open = async (place: string) =>
      await openPlatform(await locate(place, registries, { signal }), platform, { signal });
    const before = await open(flags.required("a"));
    const after = await open(flags.required("b"));
    if (flags.on("packages")) return await diffPackages(flags, before, after, signal);
    const difference = await compareImages(before, after, { signal });
    const digests = { before: before.descriptor.digest, after: after.descriptor.digest };
    process.stdout.write(
      flags.on("json")
        ? `${JSON.stringify({ ...digests, ...difference }, undefined, 2)}\n`
        : show(difference, digests.before === digests.after, styleFor(process.stdout)),
    );
    const same = difference.files.length === 0 && difference.config.length === 0;
    return flags.on("exit-code") && !same ? 1 : 0;
  },
};

async function diffPackages(flags: Flags, before: Image, after: Image, signal: AbortSignal): Promise<number> {
  const { comparePackages, takeInventory } = await import("@lading/trust");
  const a = await takeInventory(before, { signal });
  const b = await takeInventory(after, { signal });
  const packages = comparePackages(a, b);
  warnOfUnread(a, flags.required("a"));
  warnOfUnread(b, flags.required("b"));
  process.stdout.write(
    flags.on("json")
      ? `${JSON.stringify({ before: before.descriptor.digest, after: after.descriptor.digest, packages }, undefined, 2)}\n`
      : showPackages(packages, a.packages.length, b.packages.length, styleFor(process.stdout)),
  );
  return flags.on("exit-code") && packages.length > 0 ? 1 : 0;
}

const signs = { added: "+", removed: "-", changed: "~" } as const;

function show({ files, config, layers }: ImageDifference, identical: boolean, style: Style): string {
  const colours = { added: style.green, removed: style.red, changed: style.yellow };
  const rows = table(
    files.map((file) => [
      colours[file.change](signs[file.change]),
      printable(`/${file.path}`),
      amount(file),
      style.dim(`layer ${file.layer}`),
      style.dim(file.what.join(", ")),
    ]),
    [2],
  );
  const settings = config.map(({ key, before, after }) => {
    const sign = before === undefined ? "added" : after === undefined ? "removed" : "changed";
    const values = [before, after].filter((value) => value !== undefined).map((value) => printable(value));
    return `${colours[sign](signs[sign])} ${printable(key)}: ${values.join(style.dim(" → "))}`;
  });
  const count = (change: FileChange["change"]): string =>
    `${files.filter((file) => file.change === change).length} ${change}`;
  const growth = files.reduce((sum, file) => sum + file.after - file.before, 0);
  const lines = [
    ...settings,
    ...rows,
    files.length === 0 && config.length === 0
      ? identical
        ? "The images are the same, byte for byte"
        : "Containers of both see the same files and settings; the images differ in how they are packed"
      : style.dim(
          `${formatCount(files.length, "path")}: ${count("added")}, ${count("removed")}, ${count("changed")}; ${growth < 0 ? "−" : "+"}${formatSize(Math.abs(growth))}; ${layers.shared} of ${formatCount(layers.after, "layer")} shared`,
        ),
  ];
  return `${lines.join("\n")}\n`;
}

function amount({ change, before, after }: FileChange): string {
  if (change === "added") return formatSize(after);
  if (change === "removed") return formatSize(before);
  return before === after ? "" : `${formatSize(before)} → ${formatSize(after)}`;
}
