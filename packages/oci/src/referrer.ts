import { type Descriptor, isIndexType } from "./descriptor.ts";
import { parseIndex, parseManifest } from "./documents.ts";

/** A manifest or index that names another one as its subject. */
export interface Referrer {
  readonly subject: Descriptor;
  /** As lists of referrers have it: with `artifactType` and annotations of the document. */
  readonly descriptor: Descriptor;
}

/**
 * What a document refers to; undefined when it has no subject. The descriptor is that of
 * distribution-spec §Listing Referrers: where a manifest states no artifactType, its config's media
 * type stands for it. Throws OciError INVALID_DOCUMENT.
 */
export function referrerOf({ mediaType, digest, size }: Descriptor, bytes: Uint8Array): Referrer | undefined {
  const what = `manifest ${digest}`;
  const document = isIndexType(mediaType) ? parseIndex(bytes, mediaType, what) : parseManifest(bytes, mediaType, what);
  const { subject, annotations } = document;
  if (subject === undefined) return undefined;
  const stated = document.artifactType ?? "";
  const artifactType = stated === "" && "config" in document ? document.config.mediaType : stated;
  return {
    subject,
    descriptor: {
      mediaType,
      digest,
      size,
      ...(artifactType === "" ? {} : { artifactType }),
      ...(annotations === undefined ? {} : { annotations }),
    },
  };
}
