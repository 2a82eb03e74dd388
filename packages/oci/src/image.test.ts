import { randomImage, temporaryFolder } from "@lading/testkit";
import { describe, expect, test } from "vitest";
import { type Descriptor, mediaTypes } from "./descriptor.ts";
import { digestOf } from "./digest.ts";
import type { Index, Manifest } from "./documents.ts";
import { type Image, type Layer, listImages, openImage, writeImage, writeIndex } from "./image.ts";
import type { ImageConfig } from "./image-config.ts";
import { jsonBytes } from "./json.ts";
import { LayoutStore } from "./store/layout.ts";
import { MemoryStore } from "./store/memory.ts";
import { hostPlatform } from "./platform.ts";
import { readBlob } from "./verify.ts";

const tar = Buffer.alloc(1024);
const arm = { os: "linux", architecture: "arm64" };
const amd = { os: "linux", architecture: "amd64" };

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function layerIn(store: MemoryStore, mediaType: string = mediaTypes.ociLayer): Promise<Layer> {
  const descriptor = await store.write(once(tar), mediaType);
  return { ...store.blob(descriptor), diffId: digestOf(tar) };
}

async function imageIn(store: MemoryStore, config: Partial<ImageConfig> = {}): Promise<Image> {
  return writeImage(store, { config: { ...amd, ...config }, layers: [await layerIn(store)] });
}

const textOf = async (store: MemoryStore, descriptor: Descriptor): Promise<string> =>
  Buffer.from(await readBlob(store.blob(descriptor))).toString();

test("writeImage() writes the same bytes for the same image, whatever order it was described in", async () => {
  const store = new MemoryStore();
  const layers = [await layerIn(store)];
  const one = await writeImage(store, {
    config: {
      ...amd,
      created: "1970-01-01T00:00:00Z",
      config: { Labels: { b: "2", a: "1" }, User: "1000", Volumes: { "/z": {}, "/a": {} }, Env: ["B=1", "A=2"] },
    },
    layers,
    annotations: { z: "1", a: "2" },
  });
  const two = await writeImage(store, {
    annotations: { a: "2", z: "1" },
    layers,
    config: {
      config: { Env: ["B=1", "A=2"], Volumes: { "/a": {}, "/z": {} }, Labels: { a: "1", b: "2" }, User: "1000" },
      architecture: "amd64",
      created: "1970-01-01T00:00:00Z",
      os: "linux",
    },
  });
  expect(two.descriptor).toEqual(one.descriptor);
  expect(await textOf(store, one.manifest.config)).toBe(
    '{"created":"1970-01-01T00:00:00Z","architecture":"amd64","os":"linux","config":{"User":"1000","Env":["B=1","A=2"],' +
      '"Volumes":{"/a":{},"/z":{}},"Labels":{"a":"1","b":"2"}},"rootfs":{"type":"layers","diff_ids":' +
      '["sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"]}}',
  );
  expect(await textOf(store, one.descriptor)).toMatch(
    /^\{"schemaVersion":2,"mediaType":"[^"]+","config":\{.*\},"layers":\[.*\],"annotations":\{"a":"2","z":"1"\}\}$/,
  );
});

test("writeImage() keeps what a base's config has and nobody knows", async () => {
  const store = new MemoryStore();
  const base = Buffer.from(
    JSON.stringify({
      container: "abc",
      ...amd,
      config: { ArgsEscaped: true, Image: "sha256:x", Labels: { a: "b" } },
      rootfs: { type: "layers", diff_ids: [digestOf(tar)], base_layer: "x" },
      "moby.buildkit.cache": { deep: [1, null] },
      history: [{ created_by: "x", unknown: 1 }],
    }),
  );
  const config = await store.write(once(base), mediaTypes.dockerConfig);
  const layer = await layerIn(store, mediaTypes.dockerLayer);
  const manifest = { schemaVersion: 2, mediaType: mediaTypes.dockerManifest, config, layers: [layer.descriptor] };
  const root = await store.write(once(jsonBytes(manifest)), mediaTypes.dockerManifest);

  const image = await openImage(store, root);
  const written = await writeImage(store, { config: image.config, layers: image.layers });
  expect(JSON.parse(await textOf(store, written.manifest.config))).toEqual({
    ...JSON.parse(base.toString()),
    rootfs: { type: "layers", diff_ids: [digestOf(tar)] },
  });
  expect(written.manifest).toMatchObject({
    mediaType: mediaTypes.ociManifest,
    config: { mediaType: mediaTypes.ociConfig },
    layers: [{ mediaType: mediaTypes.ociLayer }],
  });
});

test("writeImage() refuses an image without layers", async () => {
  await expect(writeImage(new MemoryStore(), { config: amd, layers: [] })).rejects.toMatchObject({
    code: "INVALID_DOCUMENT",
  });
});

test("writeImage() writes no config that nobody could read", async () => {
  const { images } = await randomImage();
  const { layers, config } = images[0] ?? expect.fail("no image");
  const draft = { config: { ...config, author: "x".repeat(4 * 1024 * 1024) }, layers };
  await expect(writeImage(new MemoryStore(), draft)).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
});

test("writeIndex() names each platform once", async () => {
  const store = new MemoryStore();
  const images = [await imageIn(store), await imageIn(store, { ...arm, variant: "v8" })];
  const index = await writeIndex(store, images, { annotations: { b: "1", a: "2" } });
  const document: Index = JSON.parse(await textOf(store, index));
  expect(document.manifests.map(({ platform }) => platform)).toEqual([
    { os: "linux", architecture: "amd64" },
    { os: "linux", architecture: "arm64" },
  ]);
  expect(JSON.stringify(document.annotations)).toBe('{"a":"2","b":"1"}');
  await expect(writeIndex(store, [...images, await imageIn(store, arm)])).rejects.toThrow(
    "two images are for linux/arm64",
  );
});

describe("openImage()", () => {
  test("takes the platform's image out of an index, and says what there is instead", async () => {
    const { source, descriptor, images } = await randomImage({ platforms: ["linux/amd64", "linux/arm/v6"] });
    const image = await openImage(source, descriptor, {
      platform: { os: "linux", architecture: "arm", variant: "v7" },
    });
    expect(image.manifest).toEqual(images[1]?.manifest);
    await expect(openImage(source, descriptor, { platform: arm })).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: `Cannot find linux/arm64 in ${descriptor.digest}: it is for linux/amd64, linux/arm/v6`,
    });
  });

  test("takes the host's image, or the only one, when no platform is asked for", async () => {
    const host = hostPlatform();
    const store = new MemoryStore();
    const mine = await imageIn(store, host);
    const other = await imageIn(store, { os: "linux", architecture: "s390x" });
    expect((await openImage(store, await writeIndex(store, [other, mine]))).manifest).toEqual(mine.manifest);
    expect((await openImage(store, await writeIndex(store, [other]))).manifest).toEqual(other.manifest);
    expect((await openImage(store, other.descriptor)).manifest).toEqual(other.manifest);
    await expect(openImage(store, other.descriptor, { platform: arm })).rejects.toThrow("it is for linux/s390x");
  });

  test("passes over attestations", async () => {
    const store = new MemoryStore();
    const image = await imageIn(store, arm);
    const entries: Descriptor[] = [
      { ...image.descriptor, digest: digestOf("attestation"), platform: { os: "unknown", architecture: "unknown" } },
      {
        ...image.descriptor,
        digest: digestOf("another"),
        platform: arm,
        annotations: { "vnd.docker.reference.type": "attestation-manifest" },
      },
      { ...image.descriptor, platform: arm },
    ];
    const index = await indexIn(store, entries);
    expect((await openImage(store, index, { platform: arm })).manifest).toEqual(image.manifest);
    expect(await listImages(store, index)).toEqual([entries[2]]);
  });

  test("goes into an index within an index, but not forever", async () => {
    const store = new MemoryStore();
    const image = await imageIn(store, arm);
    let root = await indexIn(store, [{ ...image.descriptor, platform: arm }]);
    root = await indexIn(store, [root]);
    expect((await openImage(store, root, { platform: arm })).manifest).toEqual(image.manifest);
    for (let i = 0; i < 10; i += 1) root = await indexIn(store, [root]);
    await expect(openImage(store, root, { platform: arm })).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
  });

  test("asks the config where the index names no platform", async () => {
    const store = new MemoryStore();
    const images = [await imageIn(store, amd), await imageIn(store, arm)];
    const index = await indexIn(
      store,
      images.map(({ descriptor }) => descriptor),
    );
    expect((await openImage(store, index, { platform: arm })).manifest).toEqual(images[1]?.manifest);
    await expect(openImage(store, index, { platform: { ...arm, os: "windows" } })).rejects.toThrow(
      "it is for linux/amd64, linux/arm64",
    );
  });

  test.each([
    ["one diffID for two layers", { layers: 2 }, "2 layers in the manifest, 1 diffIDs"],
    ["a config that is not an image's", { config: mediaTypes.ociEmpty }, "its config is"],
    ["a layer that is not a tar", { layer: "application/json" }, 'layer 1 is "application/json"'],
    ["a config's media type in the manifest's place", { root: mediaTypes.ociConfig }, "it is"],
  ])("refuses %s", async (_, change: { layers?: number; config?: string; layer?: string; root?: string }, reason) => {
    const store = new MemoryStore();
    const { manifest } = await imageIn(store);
    const layer = manifest.layers[0] ?? expect.fail("no layer");
    const document: Manifest = {
      ...manifest,
      config: { ...manifest.config, mediaType: change.config ?? manifest.config.mediaType },
      layers: Array.from({ length: change.layers ?? 1 }, () => ({
        ...layer,
        mediaType: change.layer ?? layer.mediaType,
      })),
    };
    const root = await store.write(once(jsonBytes(document)), change.root ?? mediaTypes.ociManifest);
    await expect(openImage(store, root)).rejects.toThrow(reason);
  });

  test("opens by name what a store has", async () => {
    await using folder = await temporaryFolder();
    const store = await LayoutStore.create(folder.path);
    const memory = new MemoryStore();
    const image = await writeImage(store, { config: amd, layers: [await layerIn(memory)] });
    await store.tag(image.descriptor, "acme/app:1");
    expect((await openImage(store, "acme/app:1")).descriptor).toEqual(image.descriptor);
    await expect(openImage(store, "acme/app:2")).rejects.toMatchObject({ code: "NOT_FOUND" });
  });
});

async function indexIn(store: MemoryStore, manifests: readonly Descriptor[]): Promise<Descriptor> {
  return store.write(once(jsonBytes({ schemaVersion: 2, manifests })), mediaTypes.ociIndex);
}
