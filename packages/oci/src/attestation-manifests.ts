import type { Options, Source } from "./content.ts";
import { referrersOf } from "./copy-referrers.ts";
import { type Descriptor, isIndexType, isManifestType } from "./descriptor.ts";
import { type Digest, isDigest } from "./digest.ts";
import { parseIndex } from "./documents.ts";
import { isAttestation } from "./platform.ts";
import { readBlob } from "./verify.ts";

/** A manifest that may carry attestations of an image. */
export interface AttestationManifest {
  readonly descriptor: Descriptor;
  /** What it is attached to: the image, or the index that the image is in. */
  readonly subject: Digest;
  /**
   * "subject": it names its subject; "index": it lies beside the image in its index, where BuildKit puts it; "tag": it is
   * at cosign's tag.
   */
  readonly attached: "index" | "subject" | "tag";
}

export interface AttestationManifestsOptions extends Options {
  /** The index that the image is in: what refers to it, and what it holds itself, is found as well. */
  readonly index?: Descriptor | undefined;
}

/** The manifests that may carry attestations of an image. Throws as the source does. */
export async function attestationManifestsOf(
  source: Source,
  image: Descriptor,
  { index, signal }: AttestationManifestsOptions = {},
): Promise<readonly AttestationManifest[]> {
  const found: AttestationManifest[] = [];
  const isInIndex = index !== undefined && isIndexType(index.mediaType);
  for (const { digest, mediaType, size } of isInIndex ? [image, index] : [image])
    for (const { descriptor, tag } of await referrersOf(source, { digest, mediaType, size }, { signal }))
      if (isManifestType(descriptor.mediaType) && (tag === undefined || tag.endsWith(".att")))
        found.push({ descriptor, subject: digest, attached: tag === undefined ? "subject" : "tag" });
  if (!isInIndex) return found;
  const bytes = await readBlob(source.blob(index), { signal });
  // Newer ones name their subject as well.
  const known = new Set(found.map(({ descriptor }) => descriptor.digest));
  for (const entry of parseIndex(bytes, index.mediaType, `index ${index.digest}`).manifests)
    if (attestedImage(entry) === image.digest && !known.has(entry.digest))
      found.push({ descriptor: entry, subject: image.digest, attached: "index" });
  return found;
}

/** Of an entry of an index that is BuildKit's attestation manifest, the image of that index that it is about. */
export function attestedImage(entry: Descriptor): Digest | undefined {
  // https://docs.docker.com/build/metadata/attestations/attestation-storage/
  const digest = entry.annotations?.["vnd.docker.reference.digest"];
  return isAttestation(entry) && isManifestType(entry.mediaType) && digest !== undefined && isDigest(digest)
    ? digest
    : undefined;
}
