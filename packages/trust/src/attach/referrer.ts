import { type Descriptor, jsonBytes, mediaTypes, MemoryStore } from "@lading/oci";
import type { Artifact } from "./artifact.ts";
import { storeBytes } from "./store-bytes.ts";

/** What a manifest that refers to an image holds in its one layer. */
export interface ReferrerContent {
  readonly bytes: Uint8Array;
  /** Of the layer, and of the artifact as a whole. */
  readonly artifactType: string;
  readonly layerAnnotations?: Readonly<Record<string, string>> | undefined;
  /** Of the manifest, and of its descriptor in lists. */
  readonly annotations: Readonly<Record<string, string>>;
}

/** Content as a manifest of its own, which names `subject` (image-spec manifest.md §Guidelines for Artifact Usage). */
export async function referrerArtifact(
  subject: Descriptor,
  { bytes, artifactType, layerAnnotations, annotations }: ReferrerContent,
): Promise<Artifact> {
  const { mediaType, digest, size } = subject;
  const source = new MemoryStore();
  const layer = await storeBytes(source, bytes, artifactType);
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    artifactType,
    config: await storeBytes(source, jsonBytes({}), mediaTypes.ociEmpty),
    layers: [layerAnnotations === undefined ? layer : { ...layer, annotations: layerAnnotations }],
    subject: { mediaType, digest, size },
    annotations,
  };
  const written = await storeBytes(source, jsonBytes(manifest), mediaTypes.ociManifest);
  return { source, descriptor: { ...written, artifactType, annotations }, subject };
}
