import { referrersOf } from "@lading/oci";
import { locate } from "../locate.ts";
import { openPlatform } from "../open-platform.ts";
import type { Command } from "../program.ts";
import { formatSize } from "../progress/quantity.ts";
import { printable, styleFor, table } from "../progress/terminal.ts";
import { Registries } from "../registries.ts";
import { registryOptions } from "../registry-flags.ts";

export const command: Command = {
  positionals: { place: { type: "string", describe: "where the image is" } },
  options: {
    "artifact-type": { type: "string", requiresArg: true, describe: "only those of this media type" },
    platform: { type: "string", requiresArg: true, describe: "of this image of several; default: of what PLACE names" },
    ...registryOptions,
  },
  examples: [["referrers ghcr.io/acme/app:1", "signatures, SBOMs and attestations that belong to it"]],
  run: async ({ flags, signal }) => {
    await using registries = Registries.from(flags, [flags.required("place")]);
    const located = await locate(flags.required("place"), registries, { signal });
    const platform = flags.text("platform");
    const subject =
      platform === undefined ? located.descriptor : (await openPlatform(located, platform, { signal })).descriptor;
    const wanted = flags.text("artifact-type");
    const found = (await referrersOf(located.source, subject, { signal })).filter(
      ({ descriptor }) => wanted === undefined || descriptor.artifactType === wanted,
    );
    if (flags.on("json")) {
      const referrers = found.map(({ descriptor, tag }) => ({ ...descriptor, ...(tag === undefined ? {} : { tag }) }));
      process.stdout.write(`${JSON.stringify({ subject: subject.digest, referrers }, undefined, 2)}\n`);
      return;
    }
    if (found.length === 0) {
      if (!flags.on("quiet")) process.stderr.write(`nothing refers to ${subject.digest}\n`);
      return;
    }
    const style = styleFor(process.stdout);
    const rows = found.map(({ descriptor, tag }) => [
      descriptor.digest,
      printable(descriptor.artifactType ?? (tag === undefined ? descriptor.mediaType : kindOf(tag))),
      formatSize(descriptor.size),
      style.dim(printable(tag === undefined ? annotations(descriptor.annotations) : tag)),
    ]);
    process.stdout.write(
      `${table(flags.on("quiet") ? rows.map(([digest = ""]) => [digest]) : rows, [2]).join("\n")}\n`,
    );
  },
};

const kinds: Readonly<Record<string, string>> = {
  sig: "cosign signature",
  att: "cosign attestation",
  sbom: "cosign SBOM",
};

function kindOf(tag: string): string {
  return kinds[tag.slice(tag.lastIndexOf(".") + 1)] ?? tag;
}

function annotations(all: Readonly<Record<string, string>> = {}): string {
  return Object.entries(all)
    .map(([key, value]) => `${key}=${value.length > 60 ? `${value.slice(0, 59)}…` : value}`)
    .join(" ");
}
