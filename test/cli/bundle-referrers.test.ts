import { join } from "node:path";
import {
  copy,
  type Descriptor,
  type Digest,
  jsonBytes,
  LayoutStore,
  mediaTypes,
  OciArchive,
  parseIndex,
  readBlob,
  referrersOf,
  type Source,
  type Store,
  successors,
} from "@lading/oci";
import { randomImage, startRegistry, type TestRegistry } from "@lading/testkit";
import { describe, expect, test } from "vitest";
import { workspace } from "./workspace.ts";

/* What was said of an image, in every form that there is, and of that in turn: all of it comes along, once. */

const name = "acme/app:1";

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** A manifest of an artifact with one layer; with a subject it refers to that. */
async function artifact(store: Store, layerType: string, subject?: Descriptor): Promise<Descriptor> {
  const config = await store.write(once(jsonBytes({})), mediaTypes.ociEmpty);
  const layer = await store.write(
    once(jsonBytes({ layerType, of: subject?.digest ?? crypto.randomUUID() })),
    layerType,
  );
  const document = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    ...(subject === undefined ? {} : { artifactType: layerType, subject }),
    config,
    layers: [layer],
  };
  return await store.write(once(jsonBytes(document)), mediaTypes.ociManifest);
}

const bundleType = "application/vnd.dev.sigstore.bundle.v0.3+json";
const payloadType = "application/vnd.dev.cosign.simplesigning.v1+json";
const envelopeType = "application/vnd.dsse.envelope.v1+json";

interface Described {
  readonly index: Descriptor;
  /** All that is about the image, by digest, and what tags of cosign's are of. */
  readonly about: ReadonlySet<Digest>;
  readonly tags: ReadonlyMap<string, Digest>;
}

/** An image for two platforms with BuildKit's attestations, and beside it signatures and SBOMs in all forms. */
async function describedImage({ store }: TestRegistry): Promise<Described> {
  const image = await randomImage({ platforms: ["linux/amd64", "linux/arm64"] });
  await copy(image.source, store, image.descriptor);
  const { manifests } = parseIndex(await readBlob(image.source.blob(image.descriptor)), mediaTypes.ociIndex);
  const attestations: Descriptor[] = [];
  for (const manifest of manifests)
    attestations.push({
      ...(await artifact(store, "application/vnd.in-toto+json")),
      platform: { os: "unknown", architecture: "unknown" },
      annotations: {
        "vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": manifest.digest,
      },
    });
  const document = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [...manifests, ...attestations] };
  const index = await store.write(once(jsonBytes(document)), mediaTypes.ociIndex);
  await store.tag(index, name);

  const tags = new Map<string, Digest>();
  const tag = async (subject: Descriptor, suffix: string, layerType: string): Promise<Descriptor> => {
    const descriptor = await artifact(store, layerType);
    const text = `${subject.digest.replace(":", "-")}.${suffix}`;
    await store.tag(descriptor, `acme/app:${text}`);
    tags.set(text, descriptor.digest);
    return descriptor;
  };
  const refer = async (subject: Descriptor, layerType: string): Promise<Descriptor> => {
    const descriptor = await artifact(store, layerType, subject);
    await store.keep(descriptor);
    return descriptor;
  };
  const [amd64 = index] = manifests;
  const about = [
    ...attestations,
    await tag(index, "sig", payloadType),
    await tag(amd64, "sig", payloadType),
    await tag(index, "att", envelopeType),
    await refer(index, bundleType),
    await refer(amd64, bundleType),
  ];
  const sbomByTag = await tag(amd64, "sbom", "text/spdx");
  const sbom = await refer(amd64, "application/vnd.cyclonedx+json");
  const signatureOfSbom = await refer(sbom, bundleType);
  about.push(
    sbomByTag,
    sbom,
    signatureOfSbom,
    await tag(sbomByTag, "sig", payloadType),
    await tag(sbom, "sig", payloadType),
    await refer(signatureOfSbom, "application/vnd.example.timestamp"),
  );
  return { index, about: new Set(about.map(({ digest }) => digest)), tags };
}

/** All that is about `root` where `source` is, and of that in turn; reads what it finds. */
async function foundAbout(source: Source, root: Descriptor): Promise<ReadonlySet<Digest>> {
  const found = new Set<Digest>();
  const waiting = [root];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (found.has(next.digest)) continue;
    found.add(next.digest);
    for (const child of await successors(source, next)) {
      if (child.mediaType === mediaTypes.ociManifest) waiting.push(child);
      else await readBlob(source.blob(child));
    }
    for (const { descriptor } of await referrersOf(source, next)) waiting.push(descriptor);
  }
  return found;
}

async function withoutApi(
  { operation }: { readonly operation: string },
  { response }: { readonly response: { writeHead(status: number): { end(): unknown } } },
  next: () => Promise<void>,
): Promise<void> {
  if (operation !== "referrers") return await next();
  response.writeHead(404).end();
}

describe.each([
  ["with the referrers API", {}],
  ["without it, where a tag has the list", { intercept: withoutApi }],
])("from and to a registry %s", (_, options) => {
  test("a bundle carries what is said of an image in all forms, each blob once", async () => {
    await using origin = await startRegistry();
    await using from = await startRegistry(options);
    await using to = await startRegistry(options);
    await using work = await workspace();
    const { index, about, tags } = await describedImage(origin);
    const lading = async (...args: readonly string[]): Promise<string> => {
      const { status, stdout, stderr } = await work.lading(args);
      expect(status, stderr).toBe(0);
      return stdout + stderr;
    };
    // What lists of referrers a registry without the API has, its clients write.
    await lading("copy", "--all-platforms", `${origin.host}/${name}`, `${from.host}/${name}`);

    await lading("bundle", "create", `${from.host}/${name}`, "-o", "site.tar");
    const archive = await OciArchive.open(join(work.path, "site.tar"));
    const blobs = archive.paths().filter((path) => path.startsWith("blobs/"));
    expect(blobs).toHaveLength(new Set(blobs).size);
    expect(await lading("bundle", "verify", "site.tar")).not.toContain("nothing in it speaks of");

    await lading("bundle", "load", "site.tar", "--to", "oci:loaded");
    const layout = await LayoutStore.open(join(work.path, "loaded"));
    expect([...(await foundAbout(layout, index))]).toEqual(expect.arrayContaining([...about]));

    await lading("bundle", "load", "site.tar", "--to", `${to.host}/mirror`);
    for (const [tag, digest] of tags) expect((await to.store.resolve(`mirror/acme/app:${tag}`)).digest).toBe(digest);
    await lading("copy", "--all-platforms", `${to.host}/mirror/${name}`, "oci:back");
    const back = await LayoutStore.open(join(work.path, "back"));
    expect([...(await foundAbout(back, index))]).toEqual(expect.arrayContaining([...about]));
  });
});
