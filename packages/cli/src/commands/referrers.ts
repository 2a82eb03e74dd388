import {
  attestedImage,
  type Descriptor,
  type FoundReferrer,
  formatPlatform,
  isIndexType,
  type Options,
  parseIndex,
  readBlob,
  referrersOf,
} from "@lading/oci";
import { type Located, locate } from "../locate.ts";
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
    const referring: readonly Shown[] = await referrersOf(located.source, subject, { signal });
    const known = new Set(referring.map(({ descriptor }) => descriptor.digest));
    const beside = (await besideImages(located, subject, { signal })).filter(
      ({ descriptor }) => !known.has(descriptor.digest),
    );
    const found = [...referring, ...beside].filter(
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
    const rows = found.map(({ descriptor, tag, of }) => [
      descriptor.digest,
      printable(
        descriptor.artifactType ??
          (tag !== undefined ? kindOf(tag) : of === undefined ? descriptor.mediaType : "BuildKit attestation"),
      ),
      formatSize(descriptor.size),
      style.dim(printable(of ?? tag ?? annotations(descriptor.annotations))),
    ]);
    process.stdout.write(
      `${table(flags.on("quiet") ? rows.map(([digest = ""]) => [digest]) : rows, [2]).join("\n")}\n`,
    );
  },
};

interface Shown extends FoundReferrer {
  /** The image that it is about, where it does not refer to it. */
  readonly of?: string;
}

/** What BuildKit attests: manifests that lie beside the images of an index, and name no subject. */
async function besideImages(
  { source, descriptor: index }: Located,
  subject: Descriptor,
  options: Options,
): Promise<readonly Shown[]> {
  if (!isIndexType(index.mediaType)) return [];
  const { manifests } = parseIndex(
    await readBlob(source.blob(index), options),
    index.mediaType,
    `index ${index.digest}`,
  );
  return manifests.flatMap((descriptor): readonly Shown[] => {
    const digest = attestedImage(descriptor);
    if (digest === undefined || (subject.digest !== index.digest && subject.digest !== digest)) return [];
    const platform = manifests.find((entry) => entry.digest === digest)?.platform;
    return [{ descriptor, of: `of ${platform === undefined ? digest : formatPlatform(platform)}` }];
  });
}

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
