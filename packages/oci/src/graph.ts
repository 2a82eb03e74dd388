import type { Options, Source } from "./content.ts";
import { type Descriptor, isDocumentType, isIndexType, isManifestType, mediaTypes } from "./descriptor.ts";
import { parseIndex, parseManifest } from "./documents.ts";
import { OciError } from "./errors.ts";
import { matches, readBlob } from "./verify.ts";

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
  if (!isDocumentType(descriptor.mediaType)) return [];
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
 * Whether a store has all that `root` leads to, and not only the document: a build writes manifests
 * whose base layers are still elsewhere. `read` gives a document or undefined, `hasBlob` says
 * whether one blob is there. A document that cannot be read counts as missing.
 */
export async function hasGraph(
  root: Descriptor,
  read: (document: Descriptor) => Promise<Uint8Array | undefined>,
  hasBlob: (blob: Descriptor) => Promise<boolean>,
): Promise<boolean> {
  const seen = new Set<string>();
  const waiting = [root];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const key = contentKey(next);
    if (seen.has(key)) continue;
    seen.add(key);
    if (isDocumentType(next.mediaType)) {
      const bytes = await read(next);
      const children = bytes === undefined || !matches(bytes, next) ? undefined : readableSuccessors(bytes, next);
      if (children === undefined) return false;
      for (const child of children) waiting.push(child);
    } else if (!(await hasBlob(next))) return false;
  }
  return true;
}

function readableSuccessors(bytes: Uint8Array, descriptor: Descriptor): readonly Descriptor[] | undefined {
  try {
    return successorsOf(bytes, descriptor);
  } catch (error) {
    if (error instanceof OciError) return undefined;
    throw error;
  }
}

/** Registries keep manifests and blobs apart: content that is named as both has to be in both places. */
export function contentKey({ mediaType, digest }: Descriptor): string {
  return `${isDocumentType(mediaType) ? "manifests" : "blobs"}/${digest}`;
}

/** Whether a layer lies elsewhere by its licence (Windows' bases): it is named in the manifest and never carried. */
function isForeignLayer({ mediaType, urls }: Descriptor): boolean {
  const foreign =
    mediaType === mediaTypes.dockerForeignLayer ||
    mediaType.startsWith("application/vnd.oci.image.layer.nondistributable.v1.tar");
  return foreign && urls !== undefined && urls.length > 0;
}
