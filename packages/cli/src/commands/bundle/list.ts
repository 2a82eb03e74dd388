import { type Bundle, type BundledImage, contentsOfBundle } from "@lading/bundle";
import {
  type Descriptor,
  formatPlatform,
  isAttestation,
  isIndexType,
  OciError,
  openImage,
  parseIndex,
  readBlob,
} from "@lading/oci";
import { filesPositional, openFiles } from "../../bundle/verify-opened.ts";
import type { Command } from "../../program.ts";
import { formatCount, formatSize } from "../../progress/quantity.ts";
import { printable, styleFor, table } from "../../progress/terminal.ts";

export const command: Command = {
  positionals: filesPositional,
  examples: [
    ["bundle list site.tar", "names, digests and platforms"],
    ["bundle list site.tar --json > there.json", "all that it holds: a list for --since"],
  ],
  run: async ({ flags, signal }) => {
    const bundle = await openFiles(flags, signal);
    const images = await Promise.all(bundle.images.map(async (image) => await describe(bundle, image)));
    const missing = bundle.missing;
    if (flags.on("json")) {
      const { repositories, blobs } = contentsOfBundle(bundle);
      const document = {
        digest: bundle.digest,
        images,
        ...(bundle.delta === undefined ? {} : { since: bundle.delta.since }),
        missing: missing.map(({ digest, size }) => ({ digest, size })),
        repositories,
        blobs: [...blobs].toSorted(),
      };
      process.stdout.write(`${JSON.stringify(document, undefined, 2)}\n`);
      return;
    }
    if (flags.on("quiet")) {
      for (const { name, digest } of images) process.stdout.write(`${printable(name ?? digest)}\n`);
      return;
    }
    const style = styleFor(process.stdout);
    const rows = images.map(({ name, digest, platforms, referrers, size }) => [
      printable(name ?? "-"),
      digest,
      formatSize(size),
      referrers === 0 ? "" : formatCount(referrers, "referrer"),
      style.dim(platforms.map((each) => printable(each)).join(", ")),
    ]);
    process.stdout.write(`${table(rows, [2]).join("\n")}\n`);
    if (bundle.delta !== undefined)
      process.stderr.write(
        `a delta on ${bundle.delta.since}: ${formatCount(missing.length, "blob")} (${formatSize(sizeOf(missing))}) must be there already\n`,
      );
  },
};

interface Described {
  readonly name: string | undefined;
  readonly digest: string;
  readonly platforms: readonly string[];
  /** Signatures, SBOMs and attestations. */
  readonly referrers: number;
  /** Bytes of all that it leads to, whether the bundle has them or not. */
  readonly size: number;
}

async function describe(bundle: Bundle, { name, descriptor }: BundledImage): Promise<Described> {
  const { content, referrers } = bundle.belongings({ name, descriptor });
  return {
    name,
    digest: descriptor.digest,
    platforms: await platformsOf(bundle, descriptor),
    referrers: referrers.length,
    size: sizeOf(content),
  };
}

async function platformsOf(bundle: Bundle, descriptor: Descriptor): Promise<readonly string[]> {
  if (!isIndexType(descriptor.mediaType)) {
    try {
      return [formatPlatform((await openImage(bundle, descriptor)).platform)];
    } catch (error) {
      // The config of an image in a delta is where the rest of it is.
      if (error instanceof OciError && error.code === "NOT_FOUND") return [];
      throw error;
    }
  }
  const { manifests } = parseIndex(await readBlob(bundle.blob(descriptor)), descriptor.mediaType);
  return manifests.flatMap((entry) =>
    entry.platform === undefined || isAttestation(entry) ? [] : formatPlatform(entry.platform),
  );
}

function sizeOf(blobs: readonly Descriptor[]): number {
  return blobs.reduce((sum, { size }) => sum + size, 0);
}
