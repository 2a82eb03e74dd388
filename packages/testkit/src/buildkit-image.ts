import { type Descriptor, digestHex, jsonBytes, mediaTypes, type MemoryStore } from "@lading/oci";
import { randomImage, type RandomImage } from "./random-image.ts";

/** A layer of an attestation manifest: what it holds, and what it is announced as. */
export interface BuildkitStatement {
  readonly content: unknown;
  readonly predicateType?: string;
  readonly mediaType?: string;
}

/**
 * An index as BuildKit writes it with `--attest` (docs/attestations/attestation-storage.md of its sources): random images,
 * and behind them a manifest for each, of platform unknown/unknown, with in-toto statements as layers.
 */
export async function buildkitImage(
  platforms: readonly string[],
  statements: (image: Descriptor) => readonly BuildkitStatement[] = buildkitStatements,
): Promise<RandomImage> {
  const { source, descriptor: plain, images } = await randomImage({ platforms });
  const attestations: Descriptor[] = [];
  for (const { descriptor } of images)
    attestations.push(await attestationManifest(source, descriptor, statements(descriptor)));
  const index = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociIndex,
    manifests: [...images.map(({ descriptor, platform }) => ({ ...descriptor, platform })), ...attestations],
  };
  return { source, descriptor: await write(source, jsonBytes(index), plain.mediaType), images };
}

/** What `--attest type=sbom --attest type=provenance,version=v1` says of an image, in short. */
export function buildkitStatements({ digest }: Descriptor): readonly BuildkitStatement[] {
  const statement = (predicateType: string, predicate: unknown): BuildkitStatement => ({
    predicateType,
    content: {
      _type: "https://in-toto.io/Statement/v0.1",
      predicateType,
      subject: [{ name: "pkg:docker/acme/app@1", digest: { sha256: digestHex(digest) } }],
      predicate,
    },
  });
  return [
    statement("https://spdx.dev/Document", {
      spdxVersion: "SPDX-2.3",
      creationInfo: {
        created: "2026-01-02T03:04:05Z",
        creators: ["Organization: Anchore, Inc", "Tool: syft-v1.4.1", "Tool: buildkit-v0.13.0"],
      },
    }),
    statement("https://slsa.dev/provenance/v1", {
      buildDefinition: {
        buildType: "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md",
        externalParameters: {},
      },
      runDetails: { builder: { id: "" } },
    }),
  ];
}

async function attestationManifest(
  store: MemoryStore,
  image: Descriptor,
  statements: readonly BuildkitStatement[],
): Promise<Descriptor> {
  const layers: Descriptor[] = [];
  for (const { content, predicateType, mediaType = "application/vnd.in-toto+json" } of statements) {
    const bytes = typeof content === "string" ? Buffer.from(content) : jsonBytes(content);
    const annotations = predicateType === undefined ? {} : { "in-toto.io/predicate-type": predicateType };
    layers.push({ ...(await write(store, bytes, mediaType)), annotations });
  }
  const config = {
    architecture: "unknown",
    os: "unknown",
    config: {},
    rootfs: { type: "layers", diff_ids: layers.map(({ digest }) => digest) },
  };
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: await write(store, jsonBytes(config), mediaTypes.ociConfig),
    layers,
  };
  return {
    ...(await write(store, jsonBytes(manifest), mediaTypes.ociManifest)),
    annotations: { "vnd.docker.reference.digest": image.digest, "vnd.docker.reference.type": "attestation-manifest" },
    platform: { architecture: "unknown", os: "unknown" },
  };
}

async function write(store: MemoryStore, bytes: Uint8Array, mediaType: string): Promise<Descriptor> {
  return await store.write(
    (async function* once() {
      yield bytes;
    })(),
    mediaType,
  );
}
