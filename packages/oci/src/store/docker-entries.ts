import { type Descriptor, isIndexType, isLayerType, isManifestType } from "../descriptor.ts";
import type { Digest } from "../digest.ts";
import { type DockerArchiveEntry, type Manifest, parseConfig, parseIndex, parseManifest } from "../documents.ts";
import { OciError } from "../errors.ts";
import type { ImageConfig } from "../image-config.ts";
import { nameOf } from "./layout-index.ts";
import { isAttestation, type Platform, selectPlatform } from "../platform.ts";
import type { WalkedGraph } from "./pushed-graph.ts";
import { isTag } from "../reference.ts";

/** An image of a graph whose documents were read. */
export interface GraphImage {
  readonly descriptor: Descriptor;
  readonly manifest: Manifest;
  readonly config: ImageConfig;
}

/**
 * The manifest.json over the named images of a graph, one entry an image with all its tags: podman
 * keeps only the names that stand here when there are several.
 */
export function dockerArchiveEntries(
  graph: WalkedGraph,
  named: readonly Descriptor[],
  pathOf: (blob: Descriptor) => string,
  platform?: Platform,
): readonly DockerArchiveEntry[] {
  const entries = new Map<Digest, { image: GraphImage; tags: string[] }>();
  for (const root of named) {
    const image = chooseImage(graph, root, platform);
    if (image === undefined) continue;
    const entry = entries.get(image.descriptor.digest) ?? { image, tags: [] };
    const name = nameOf(root);
    // A bare tag is no name for Docker, which would take it for a repository; what is named by its digest has none there.
    if (name !== undefined && !isTag(name) && !name.includes("@")) entry.tags.push(name);
    entries.set(image.descriptor.digest, entry);
  }
  return [...entries.values()].map(({ image: { manifest }, tags }) => ({
    Config: pathOf(manifest.config),
    RepoTags: tags,
    Layers: manifest.layers.map(pathOf),
  }));
}

/** All images a root leads to, each once, attestations and other artifacts left out. */
export function imagesOf(graph: WalkedGraph, root: Descriptor, seen: Set<Digest> = new Set()): readonly GraphImage[] {
  const bytes = graph.documents.get(root.digest);
  if (bytes === undefined || seen.has(root.digest)) return [];
  seen.add(root.digest);
  if (isIndexType(root.mediaType))
    return parseIndex(bytes, root.mediaType)
      .manifests.filter((entry) => !isAttestation(entry))
      .flatMap((entry) => imagesOf(graph, entry, seen));
  if (!isManifestType(root.mediaType)) return [];
  const manifest = parseManifest(bytes, root.mediaType);
  // The signatures of cosign have a config that is like an image's.
  if (!manifest.layers.every(({ mediaType }) => isLayerType(mediaType))) return [];
  const config = readConfig(graph, manifest);
  return config === undefined ? [] : [{ descriptor: root, manifest, config }];
}

/** The image for `platform`, or else the first: whatever machine this is, the archive is the same. */
function chooseImage(graph: WalkedGraph, root: Descriptor, platform: Platform | undefined): GraphImage | undefined {
  const images = imagesOf(graph, root);
  if (platform === undefined) return images[0];
  const best = selectPlatform(
    images.map(({ descriptor, config }) => ({ ...descriptor, platform: config })),
    platform,
  );
  return images.find(({ descriptor }) => descriptor.digest === best?.digest) ?? images[0];
}

function readConfig(graph: WalkedGraph, { config }: Manifest): ImageConfig | undefined {
  const bytes = graph.documents.get(config.digest);
  if (bytes === undefined) return undefined;
  try {
    return parseConfig(bytes);
  } catch (error) {
    // An artifact (a signature, an SBOM) has a config that is not an image's.
    if (error instanceof OciError) return undefined;
    throw error;
  }
}
