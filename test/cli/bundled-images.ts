import { copy, type Descriptor, jsonBytes, mediaTypes, type Store } from "@lading/oci";
import { randomImage, type RandomImage, startRegistry, type TestRegistry } from "@lading/testkit";

/** A registry with `acme/app:1`, an index that is signed in both ways and has an SBOM, and `acme/db:1`, which shares a layer with it. */
export interface SignedImages extends AsyncDisposable {
  readonly registry: TestRegistry;
  readonly app: RandomImage;
  readonly db: RandomImage;
  readonly sbom: Descriptor;
  /** What refers to the SBOM. */
  readonly attestation: Descriptor;
  /** `sha256-….sig` of the app. */
  readonly signature: Descriptor;
  readonly signatureTag: string;
}

export async function signedImages(): Promise<SignedImages> {
  const registry = await startRegistry();
  const app = await randomImage({ layers: 2, platforms: ["linux/amd64", "linux/arm64"], size: 20_000 });
  const db = await randomImage({ layers: 2 });
  const { store } = registry;
  for (const image of [app, db]) await copy(image.source, store, image.descriptor);
  const sbom = await artifact(store, "application/spdx+json", app.images[0]?.descriptor);
  const attestation = await artifact(store, "application/vnd.in-toto+json", sbom);
  const signature = await artifact(store, "application/vnd.dev.cosign.artifact.sig.v1+json");
  const signatureTag = `${app.descriptor.digest.replace(":", "-")}.sig`;
  for (const referrer of [sbom, attestation]) await store.keep(referrer);
  await store.tag(app.descriptor, "acme/app:1");
  await store.tag(signature, `acme/app:${signatureTag}`);
  await store.tag(db.descriptor, "acme/db:1");
  return {
    registry,
    app,
    db,
    sbom,
    attestation,
    signature,
    signatureTag,
    [Symbol.asyncDispose]: async () => await registry[Symbol.asyncDispose](),
  };
}

/** A manifest of one small layer that says what it is, and perhaps what it is about. */
async function artifact(store: Store, artifactType: string, subject?: Descriptor): Promise<Descriptor> {
  const write = async (value: unknown, mediaType: string): Promise<Descriptor> =>
    await store.write(once(jsonBytes(value)), mediaType);
  const config = await write({}, mediaTypes.ociEmpty);
  const layer = await write({ about: artifactType, of: subject?.digest ?? "nothing" }, artifactType);
  const document = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    artifactType,
    config,
    layers: [layer],
    ...(subject === undefined ? {} : { subject }),
  };
  return await write(document, mediaTypes.ociManifest);
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
