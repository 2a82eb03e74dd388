import { randomImage, temporaryFolder, validateImage } from "@lading/testkit";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { OciArchive } from "./store/archive.ts";
import { OciArchiveSink } from "./store/archive-sink.ts";
import type { Sink } from "./content.ts";
import { copy } from "./copy.ts";
import { type Descriptor, mediaTypes } from "./descriptor.ts";
import { digestOf } from "./digest.ts";
import { openImage } from "./image.ts";
import { jsonBytes } from "./json.ts";
import { LayoutStore } from "./store/layout.ts";
import { MemoryStore } from "./store/memory.ts";

async function write(store: MemoryStore, document: object, mediaType: string): Promise<Descriptor> {
  const bytes = (async function* read() {
    yield jsonBytes(document);
  })();
  return store.write(bytes, mediaType);
}

/** Six indexes, each naming the next one fifty times: sixteen thousand million ways to one image. */
async function manyWays(): Promise<{ source: MemoryStore; root: Descriptor }> {
  const { source, descriptor } = await randomImage();
  let root = descriptor;
  for (let level = 0; level < 6; level += 1) {
    const manifests = Array.from({ length: 50 }, () => root);
    root = await write(source, { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }, mediaTypes.ociIndex);
  }
  return { source, root };
}

describe("indexes that name each other many times over", () => {
  test("are copied, and found to be there", async () => {
    await using folder = await temporaryFolder();
    const { source, root } = await manyWays();
    const stores = [new MemoryStore(), await LayoutStore.create(folder.path)];
    for (const store of stores) {
      await copy(source, store, root);
      expect(await store.has(root)).toBe(true);
    }
  });

  test("are searched once for an image", async () => {
    const { source, root } = await manyWays();
    const platform = { os: "plan9", architecture: "mips" };
    await expect(openImage(source, root, { platform })).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test("go into an archive as one image", async () => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, "a.tar");
    const { source, root } = await manyWays();
    await using sink = await OciArchiveSink.create(file);
    await copy(source, sink, root);
    await sink.finish();
    const archive = await OciArchive.open(file);
    expect(await archive.resolve("")).toEqual(root);
  });
});

/** An artifact that carries an image's manifest as a file, beside that image. */
async function both(): Promise<{ source: MemoryStore; root: Descriptor; image: Descriptor }> {
  const { source, descriptor: image } = await randomImage();
  const config = await write(source, {}, mediaTypes.ociEmpty);
  const layers = [{ ...image, mediaType: "application/octet-stream" }];
  const manifest = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers };
  const artifact = await write(source, { artifactType: "a/b", ...manifest }, mediaTypes.ociManifest);
  const index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [artifact, image] };
  return { source, root: await write(source, index, mediaTypes.ociIndex), image };
}

describe("a manifest that another one names as a layer", () => {
  test.each([1, 8])("comes with all it leads to, %i at a time", async (concurrency) => {
    await using folder = await temporaryFolder();
    const { source, root, image } = await both();
    const store = new MemoryStore();
    await copy(source, store, root, { concurrency });
    await validateImage(store, image);

    const file = join(folder.path, "a.tar");
    await using sink = await OciArchiveSink.create(file);
    await copy(source, sink, root, { concurrency });
    await sink.finish();
    await validateImage(await OciArchive.open(file), image);
  });

  test("is pushed as a blob and as a manifest, which registries keep apart", async () => {
    const { source, root, image } = await both();
    const pushed: string[] = [];
    const sink: Sink = {
      has: async () => false,
      push: async ({ descriptor }) => void pushed.push(`${descriptor.mediaType} ${descriptor.digest}`),
      tag: async () => {},
    };
    await copy(source, sink, root);
    expect(pushed).toEqual(
      expect.arrayContaining([`application/octet-stream ${image.digest}`, `${image.mediaType} ${image.digest}`]),
    );
  });
});

test("a config larger than a document can be is carried where it is no image's", async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, "a.tar");
  const source = new MemoryStore();
  const bytes = Buffer.alloc(5 * 1024 * 1024, 1);
  const config = { mediaType: "application/x-model", digest: digestOf(bytes), size: bytes.byteLength };
  await source.push({
    descriptor: config,
    open: async function* read() {
      yield bytes;
    },
  });
  const manifest = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [config] };
  const root = await write(source, manifest, mediaTypes.ociManifest);
  await using sink = await OciArchiveSink.create(file);
  await copy(source, sink, root);
  await sink.finish();
  const copied = new MemoryStore();
  await copy(await OciArchive.open(file), copied, root);
  expect(await copied.has(config)).toBe(true);
});
