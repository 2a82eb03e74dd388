import type { Options, Source } from "./content.ts";
import { type Descriptor, isIndexType, isManifestType, mediaTypes } from "./descriptor.ts";
import { parseIndex, parseManifest } from "./documents.ts";
import { OciError } from "./errors.ts";
import { readBlob } from "./verify.ts";

/**
 * What a descriptor leads to: an index to its manifests, a manifest to its config and layers, in
 * that order; everything else to nothing. A `subject` is not followed: it may be absent
 * (image-spec manifest.md), and whoever moves a signature does not mean the image. Neither are
 * layers that may not be distributed and are to be had at their `urls`.
 */
export async function successors(
  source: Source,
  descriptor: Descriptor,
  options: Options = {},
): Promise<readonly Descriptor[]> {
  if (!isIndexType(descriptor.mediaType) && !isManifestType(descriptor.mediaType)) return [];
  return successorsOf(await readBlob(source.blob(descriptor), options), descriptor);
}

/** `successors` of a document that was read already. */
export function successorsOf(bytes: Uint8Array, { mediaType, digest }: Descriptor): readonly Descriptor[] {
  if (isIndexType(mediaType)) return parseIndex(bytes, mediaType, `index ${digest}`).manifests;
  if (!isManifestType(mediaType)) return [];
  const { config, layers } = parseManifest(bytes, mediaType, `manifest ${digest}`);
  return [config, ...layers.filter((layer) => !isForeignLayer(layer))];
}

/**
 * Whether a store has all that `descriptor` leads to, and not only the document: a build writes
 * manifests whose base layers are still elsewhere. `read` gives a document or undefined, `hasBlob`
 * says whether one blob is there. A document that cannot be read counts as missing.
 */
export async function hasGraph(
  descriptor: Descriptor,
  read: (descriptor: Descriptor) => Promise<Uint8Array | undefined>,
  hasBlob: (descriptor: Descriptor) => Promise<boolean>,
): Promise<boolean> {
  if (!(await hasBlob(descriptor))) return false;
  if (!isIndexType(descriptor.mediaType) && !isManifestType(descriptor.mediaType)) return true;
  let children: readonly Descriptor[];
  try {
    const bytes = await read(descriptor);
    if (bytes === undefined) return false;
    children = successorsOf(bytes, descriptor);
  } catch (error) {
    if (error instanceof OciError) return false;
    throw error;
  }
  for (const child of children) if (!(await hasGraph(child, read, hasBlob))) return false;
  return true;
}

/** Whether a layer lies elsewhere by its licence (Windows' bases): it is named in the manifest and never carried. */
export function isForeignLayer({ mediaType, urls }: Descriptor): boolean {
  const foreign =
    mediaType === mediaTypes.dockerForeignLayer ||
    mediaType.startsWith("application/vnd.oci.image.layer.nondistributable.v1.tar");
  return foreign && urls !== undefined && urls.length > 0;
}
