import {
  cosignKinds,
  cosignTag,
  type Descriptor,
  firstOf,
  isManifestType,
  jsonBytes,
  type Manifest,
  mediaTypes,
  MemoryStore,
  OciError,
  type Options,
  parseManifest,
  readBlob,
  type Source,
} from "@lading/oci";
import { TrustError } from "../errors.ts";
import type { Artifact } from "./artifact.ts";
import { storeBytes } from "./store-bytes.ts";

/*
 * The older form, which cosign 1 and 2 and containers/image read: signed payloads, or envelopes of
 * statements, as the layers of an "image" at a tag that is made of the digest they are about.
 */

export const simpleSigningType = "application/vnd.dev.cosign.simplesigning.v1+json";
export const envelopeType = "application/vnd.dsse.envelope.v1+json";

/** Annotations of a layer that holds a signed payload or an envelope (cosign pkg/oci/static/signature.go). */
export const layerAnnotations = {
  signature: "dev.cosignproject.cosign/signature",
  certificate: "dev.sigstore.cosign/certificate",
  chain: "dev.sigstore.cosign/chain",
  logEntry: "dev.sigstore.cosign/bundle",
  timestamp: "dev.sigstore.cosign/rfc3161timestamp",
  /** Of an envelope. */
  predicateType: "predicateType",
} as const;

/** A layer that is signed. */
export interface SignedLayer {
  readonly mediaType: string;
  readonly bytes: Uint8Array;
  readonly annotations: Readonly<Record<string, string>>;
}

// cosign keeps to it as well (pkg/oci/remote/signatures.go).
const mostLayers = 1000;

/** What is at the tag in `place`, with these layers added. Throws TrustError SIGNING when there are too many. */
export async function taggedArtifact(
  subject: Descriptor,
  suffix: "sig" | "att",
  added: readonly SignedLayer[],
  place: Source,
  options: Options,
): Promise<Artifact> {
  const tag = cosignTag(subject.digest, suffix);
  const store = new MemoryStore();
  const layers = [...(await layersAt(place, tag, options))];
  for (const { mediaType, bytes, annotations } of added) {
    const { size, digest } = await storeBytes(store, bytes, mediaType);
    layers.push({ mediaType, size, digest, annotations });
  }
  if (layers.length > mostLayers)
    throw new TrustError("SIGNING", `Cannot add a signature at ${tag}: there would be more than ${mostLayers}`);
  const written = await storeBytes(store, jsonBytes(await manifestOf(store, layers)), mediaTypes.ociManifest);
  const descriptor = { ...written, annotations: { [cosignKinds.annotation]: cosignKinds[suffix] } };
  return { source: firstOf(store, place), descriptor, subject, tag };
}

async function manifestOf(store: MemoryStore, layers: readonly Descriptor[]): Promise<Manifest> {
  const epoch = "0001-01-01T00:00:00Z";
  const config = {
    architecture: "",
    created: epoch,
    history: layers.map(() => ({ created: epoch })),
    os: "",
    rootfs: { type: "layers", diff_ids: layers.map(({ digest }) => digest) },
    config: {},
  };
  const { mediaType, size, digest } = await storeBytes(store, jsonBytes(config), mediaTypes.ociConfig);
  return { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config: { mediaType, size, digest }, layers };
}

async function layersAt(place: Source, tag: string, options: Options): Promise<readonly Descriptor[]> {
  const found = await place.resolve(tag, options).catch((error: unknown) => {
    if (error instanceof OciError && error.code === "NOT_FOUND") return undefined;
    throw error;
  });
  if (found === undefined || !isManifestType(found.mediaType)) return [];
  return parseManifest(await readBlob(place.blob(found), options), found.mediaType, `manifest at ${tag}`).layers;
}
