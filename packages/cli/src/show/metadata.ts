import type { BuildResult, BuiltImage } from "@lading/builder";
import { formatPlatform, hostPlatform, samePlatform } from "@lading/oci";
import type { Attached, Attestation, BesideBuild } from "../attest/attach-to-build.ts";
import type { Written } from "../write-image.ts";
import { tagOf } from "../config/image-names.ts";

/** What `--metadata-file` and `--json` say of a build. Sizes are bytes, times milliseconds. */
export interface Metadata {
  /** The first name; absent when the image has none. */
  readonly image?: string;
  /** Digest of the config: of the host's platform, else of the first. */
  readonly imageId: string;
  /** What a tag names: the index with several platforms, else the manifest. */
  readonly imageDigest: string;
  /** The tags alone, each once. */
  readonly tags: readonly string[];
  /** The full names. */
  readonly names: readonly string[];
  readonly images: readonly {
    readonly platform: string;
    readonly digest: string;
    readonly imageId: string;
    readonly layers: readonly {
      readonly name: string;
      readonly digest: string;
      readonly diffId: string;
      readonly mediaType: string;
      readonly size: number;
      readonly unpackedSize: number;
      readonly entries: number;
      /** "stat" and "content" came from the cache, "none" was packed, "base" is the base's. */
      readonly reuse: string;
      readonly ms: number;
    }[];
  }[];
  /** What was said of the images, and attached to them. */
  readonly attestations?: readonly Attestation[];
  /** What of it was signed. */
  readonly signatures?: readonly Attached[];
  readonly outputs: readonly Written[];
  readonly warnings: readonly string[];
  readonly timings: Readonly<Record<"base" | "list" | "pack" | "write" | "total", number>>;
}

/** Describes a build for programs. `names` are full references, `total` is milliseconds from start to end. */
export function metadataOf(
  result: BuildResult,
  names: readonly string[],
  outputs: readonly Written[],
  total: number,
  { attestations, signatures }: Pick<BesideBuild, "attestations" | "signatures"> = nothing,
): Metadata {
  const [name] = names;
  const { base, list, pack } = result.timings;
  const write = outputs.reduce((sum, output) => sum + output.ms, 0);
  return {
    ...(name === undefined ? {} : { image: name }),
    imageId: hostImage(result.images)?.imageId ?? "",
    imageDigest: result.descriptor.digest,
    tags: [...new Set(names.map(tagOf))],
    names,
    images: result.images.map((image) => ({
      platform: formatPlatform(image.platform),
      digest: image.descriptor.digest,
      imageId: image.imageId,
      layers: image.layers.map(({ name: layer, descriptor, diffId, unpackedSize, entries, reuse, ms }) => ({
        name: layer,
        digest: descriptor.digest,
        diffId,
        mediaType: descriptor.mediaType,
        size: descriptor.size,
        unpackedSize,
        entries,
        reuse,
        ms: Math.round(ms),
      })),
    })),
    ...(attestations.length === 0 ? {} : { attestations }),
    ...(signatures.length === 0 ? {} : { signatures }),
    outputs: outputs.map((output) => ({ ...output, ms: Math.round(output.ms) })),
    warnings: result.warnings,
    timings: {
      base: Math.round(base),
      list: Math.round(list),
      pack: Math.round(pack),
      write: Math.round(write),
      total: Math.round(total),
    },
  };
}

const nothing = { attestations: [], signatures: [] };

function hostImage(images: readonly BuiltImage[]): BuiltImage | undefined {
  const host = hostPlatform();
  return images.find((image) => samePlatform(image.platform, host)) ?? images[0];
}
