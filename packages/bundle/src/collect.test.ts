import { join } from "node:path";
import { copy, type Descriptor, jsonBytes, MemoryStore, mediaTypes, nameAnnotations, OciArchive } from "@lading/oci";
import { randomImage, temporaryFolder } from "@lading/testkit";
import { expect, test } from "vitest";
import { Bundle } from "./bundle.ts";
import { collectBundle } from "./collect.ts";
import { writeBundle } from "./write-bundle.ts";

const name = "ghcr.io/acme/app:1";

/** Something that refers to `subject` and says of itself what it is called. */
async function referrerCalled(store: MemoryStore, subject: Descriptor, called: string): Promise<Descriptor> {
  const write = async (value: unknown, mediaType: string): Promise<Descriptor> =>
    await store.write(new Blob([jsonBytes(value)]).stream(), mediaType);
  const config = await write({}, mediaTypes.ociEmpty);
  const annotations = { [nameAnnotations.image]: called, [nameAnnotations.ref]: "1", [nameAnnotations.beside]: called };
  const document = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config,
    layers: [config],
    subject,
    annotations,
  };
  const descriptor = await write(document, mediaTypes.ociManifest);
  await store.keep(descriptor);
  return descriptor;
}

test("a referrer that says it is called as an image is not called so, in a bundle or where it is loaded", async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, "site.tar");
  const { source, descriptor } = await randomImage();
  const store = new MemoryStore();
  await copy(source, store, descriptor);
  const evil = await referrerCalled(store, descriptor, "ghcr.io/acme/db:1");

  const collection = await collectBundle([{ name, source: store, descriptor }]);
  expect(collection.referrers).toBe(1);
  await writeBundle(collection, file);

  const bundle = await Bundle.open(file);
  expect(bundle.images).toEqual([{ name, descriptor }]);
  expect((await bundle.referrers(descriptor)).map(({ digest }) => digest)).toEqual([evil.digest]);
  const archive = await OciArchive.open(file);
  await expect(archive.resolve("ghcr.io/acme/db:1")).rejects.toThrow("Cannot find");
});

test("what refers to something and was asked for by a name of its own is an image of the bundle", async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, "site.tar");
  const { source, descriptor } = await randomImage();
  const store = new MemoryStore();
  await copy(source, store, descriptor);
  const sbom = await referrerCalled(store, descriptor, "elsewhere");
  const named = `ghcr.io/acme/app@${sbom.digest}`;

  await writeBundle(await collectBundle([{ name: named, source: store, descriptor: sbom }]), file);

  expect((await Bundle.open(file)).images).toEqual([{ name: named, descriptor: sbom }]);
});

test("indexes that name each other many times over are collected once", async () => {
  const { source, descriptor } = await randomImage();
  const other = await randomImage();
  const store = new MemoryStore();
  await copy(source, store, descriptor);
  await copy(other.source, store, other.descriptor);
  const index = async (child: Descriptor, more: object = {}): Promise<Descriptor> => {
    const manifests = Array.from({ length: 50 }, () => child);
    const document = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests, ...more };
    return await store.write(new Blob([jsonBytes(document)]).stream(), mediaTypes.ociIndex);
  };
  let root = other.descriptor;
  for (let level = 0; level < 6; level += 1) root = await index(root);
  // What refers to an image is walked once more, for what vouches.
  const referrer = await index(root, { artifactType: "a/b", subject: descriptor });
  await store.keep(referrer);

  const collection = await collectBundle([{ name, source: store, descriptor }]);
  const found = collection.blobs.map((blob) => blob.descriptor.digest);
  expect(found).toEqual(expect.arrayContaining([descriptor, other.descriptor, root, referrer].map((it) => it.digest)));
  expect(new Set(found).size).toBe(found.length);
  expect(collection.referrers).toBe(1);
});
