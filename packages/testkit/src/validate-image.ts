import {
  type Descriptor,
  digestOf,
  isAttestation,
  isIndexType,
  isManifestType,
  openImage,
  openLayer,
  readBlob,
  type Source,
} from "@lading/oci";
import { schemaErrors, type SpecDocument } from "./schemas.ts";

/**
 * Checks again everything an image promises, reading all of it: digests, sizes, diffIDs, one diffID
 * a layer, and the image-spec's JSON schemas where they are to be had. Throws at the first lie.
 */
export async function validateImage(source: Source, root: Descriptor): Promise<void> {
  if (isIndexType(root.mediaType)) {
    const { manifests } = JSON.parse(await readDocument(source, root, "index"));
    for (const entry of manifests) await validateImage(source, entry);
    return;
  }
  if (!isManifestType(root.mediaType) || isAttestation(root)) {
    for await (const _ of source.blob(root).open());
    return;
  }
  const manifest: unknown = JSON.parse(await readDocument(source, root, "manifest"));
  const image = await openImage(source, root);
  if (JSON.stringify(manifest) !== JSON.stringify(image.manifest))
    throw new Error(`The manifest ${root.digest} was not read as it is`);
  await readDocument(source, image.manifest.config, "config");
  const { diff_ids: diffIds } = image.config.rootfs;
  const counted = image.config.history?.filter((entry) => entry.empty_layer !== true).length;
  if (counted !== undefined && counted !== 0 && counted !== diffIds.length)
    throw new Error(`The history of ${root.digest} tells of ${counted} layers, and there are ${diffIds.length}`);
  for (const layer of image.layers) {
    let size = 0;
    for await (const chunk of openLayer(layer, { diffId: layer.diffId })) size += chunk.byteLength;
    if (size % 512 !== 0) throw new Error(`The layer ${layer.descriptor.digest} is not a tar: ${size} bytes`);
  }
}

async function readDocument(source: Source, descriptor: Descriptor, kind: SpecDocument): Promise<string> {
  const bytes = await readBlob(source.blob(descriptor));
  if (digestOf(bytes) !== descriptor.digest && descriptor.digest.startsWith("sha256:"))
    throw new Error(`The ${kind} ${descriptor.digest} has another digest`);
  const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  const errors = schemaErrors(kind, JSON.parse(text));
  if (errors !== undefined && errors !== "")
    throw new Error(`The ${kind} ${descriptor.digest} breaks its schema: ${errors}`);
  return text;
}
