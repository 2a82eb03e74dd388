import { randomImage, temporaryFolder } from "@lading/testkit";
import { expect, test } from "vitest";
import type { Store } from "./content.ts";
import { copy } from "./copy.ts";
import { copyReferrers } from "./copy-referrers.ts";
import { type Descriptor, mediaTypes } from "./descriptor.ts";
import { jsonBytes } from "./json.ts";
import { OciArchive } from "./store/archive.ts";
import { OciArchiveSink } from "./store/archive-sink.ts";
import { LayoutStore } from "./store/layout.ts";
import { MemoryStore } from "./store/memory.ts";

/** An artifact without content of its own, with or without a subject. */
async function artifact(store: Store, artifactType: string, subject?: Descriptor): Promise<Descriptor> {
  const write = async (value: unknown, mediaType: string): Promise<Descriptor> =>
    store.write(
      (async function* bytes() {
        yield jsonBytes(value);
      })(),
      mediaType,
    );
  const config = await write({}, mediaTypes.ociEmpty);
  const document = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, artifactType, config, layers: [config] };
  return write({ ...document, ...(subject === undefined ? {} : { subject }) }, mediaTypes.ociManifest);
}

async function signedImage() {
  const image = await randomImage({ platforms: ["linux/amd64", "linux/arm64"] });
  const { source } = image;
  const [{ descriptor: child } = expect.fail("no image")] = image.images;
  const sbom = await artifact(source, "application/spdx+json", child);
  const signature = await artifact(source, "application/vnd.example.signature", sbom);
  for (const referrer of [sbom, signature]) await source.keep(referrer);
  const old = await artifact(source, "application/vnd.example.old");
  const tag = `${image.descriptor.digest.replace(":", "-")}.sig`;
  await source.tag(old, tag);
  return { source, root: image.descriptor, child, sbom, signature, old, tag };
}

test("copyReferrers() brings what refers to an index, to its images and to what refers to those", async () => {
  const { source, root, child, sbom, signature, old, tag } = await signedImage();
  const sink = new MemoryStore();
  await copy(source, sink, root);
  const found = await copyReferrers(source, sink, root);

  expect(found.map(({ descriptor }) => descriptor.digest).toSorted()).toEqual(
    [sbom, signature, old].map(({ digest }) => digest).toSorted(),
  );
  expect(await sink.referrers(child)).toEqual([{ ...sbom, artifactType: "application/spdx+json" }]);
  expect(await sink.referrers(sbom)).toEqual([{ ...signature, artifactType: "application/vnd.example.signature" }]);
  expect((await sink.resolve(tag)).digest).toBe(old.digest);
});

test("a layout and an archive carry referrers on", async () => {
  await using folder = await temporaryFolder();
  const { source, root, child, sbom, tag } = await signedImage();
  const layout = await LayoutStore.create(`${folder.path}/layout`);
  await copy(source, layout, root);
  await copyReferrers(source, layout, root);

  await using sink = await OciArchiveSink.create(`${folder.path}/image.tar`);
  await copy(layout, sink, root);
  await sink.tag(root, "1.0");
  await copyReferrers(layout, sink, root);
  await sink.finish();

  const archive = await OciArchive.open(`${folder.path}/image.tar`);
  expect((await archive.referrers(child)).map(({ digest }) => digest)).toEqual([sbom.digest]);
  expect((await archive.resolve("1.0")).digest).toBe(root.digest);
  expect((await archive.resolve("")).digest).toBe(root.digest);
  expect((await archive.resolve(tag)).mediaType).toBe(mediaTypes.ociManifest);
});

test("copyReferrers() finds nothing where nothing refers", async () => {
  const image = await randomImage();
  expect(await copyReferrers(image.source, new MemoryStore(), image.descriptor)).toEqual([]);
});
