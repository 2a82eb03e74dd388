import { type Descriptor, jsonBytes, type Manifest, mediaTypes, type MemoryStore } from "@lading/oci";

/*
 * How signatures lie beside images: a bundle as a manifest with a subject, which lists of referrers
 * show (cosign 3), and signed payloads as the layers of an "image" at a tag made of the digest
 * (cosign 1 and 2, containers/image).
 */

export const simpleSigningType = "application/vnd.dev.cosign.simplesigning.v1+json";
export const envelopeType = "application/vnd.dsse.envelope.v1+json";

/** Annotations of a layer that holds a signed payload or an envelope. */
export const layerAnnotations = {
  signature: "dev.cosignproject.cosign/signature",
  certificate: "dev.sigstore.cosign/certificate",
  chain: "dev.sigstore.cosign/chain",
  logEntry: "dev.sigstore.cosign/bundle",
  timestamp: "dev.sigstore.cosign/rfc3161timestamp",
} as const;

/** cosign marks what is what in a layout by this annotation of index.json's entries. */
export const kindAnnotation = "kind";
export const kinds = {
  image: "dev.cosignproject.cosign/image",
  index: "dev.cosignproject.cosign/imageIndex",
  signatures: "dev.cosignproject.cosign/sigs",
  attestations: "dev.cosignproject.cosign/atts",
} as const;

// cosign keeps to it as well (pkg/oci/remote/signatures.go).
const mostSignatures = 1000;

/** Stores the manifest of signed payloads, the layers of `before` in front. Throws RangeError when there are too many. */
export async function writeSignatureManifest(
  store: MemoryStore,
  before: readonly Descriptor[],
  payload: Uint8Array,
  annotations: Readonly<Record<string, string>>,
): Promise<Descriptor> {
  const signed = await store.write(once(payload), simpleSigningType);
  const layers = [...before, { mediaType: signed.mediaType, size: signed.size, digest: signed.digest, annotations }];
  if (layers.length > mostSignatures) throw new RangeError(`there are ${before.length} signatures already`);
  const epoch = "0001-01-01T00:00:00Z";
  const config = {
    architecture: "",
    created: epoch,
    history: layers.map(() => ({ created: epoch })),
    os: "",
    rootfs: { type: "layers", diff_ids: layers.map(({ digest }) => digest) },
    config: {},
  };
  const { mediaType, size, digest } = await store.write(once(jsonBytes(config)), mediaTypes.ociConfig);
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: { mediaType, size, digest },
    layers,
  };
  return await store.write(once(jsonBytes(manifest)), mediaTypes.ociManifest);
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
