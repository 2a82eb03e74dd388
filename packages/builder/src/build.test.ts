import { chmodSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import {
  type Blob,
  type Bytes,
  type Descriptor,
  digestOf,
  type Image,
  type ImageConfig,
  indexLayer,
  type Layer,
  MemoryStore,
  mediaTypes,
  openImage,
  openLayer,
  readTree,
  type Source,
  tapSource,
  type Tree,
  writeImage,
  writeIndex,
} from "@lading/oci";
import { randomImage, temporaryFolder, validateImage } from "@lading/testkit";
import { describe, expect, test } from "vitest";
import { build, planBuild } from "./build.ts";
import type { BuildEvent } from "./progress.ts";
import type { BuildRequest, BuildResult } from "./result.ts";
import { type BuildSpecInput, buildSpecSchema } from "./spec.ts";

const linux = ["linux/amd64"];

interface Workspace extends AsyncDisposable {
  readonly context: string;
  readonly cacheDir: string;
  build(spec: BuildSpecInput, more?: Partial<BuildRequest>): Promise<BuildResult>;
  request(spec: BuildSpecInput, more?: Partial<BuildRequest>): BuildRequest;
}

async function workspace(files: Readonly<Record<string, string>> = {}): Promise<Workspace> {
  const folder = await temporaryFolder();
  const [context, cacheDir] = [join(folder.path, "context"), join(folder.path, "cache")];
  mkdirSync(context);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(context, path, ".."), { recursive: true });
    writeFileSync(join(context, path), text);
  }
  const request = (spec: BuildSpecInput, more: Partial<BuildRequest> = {}): BuildRequest => ({
    spec: buildSpecSchema.parse(spec),
    context,
    cacheDir,
    locate: (place) => Promise.reject(new Error(`Cannot find ${place}`)),
    ...more,
  });
  return {
    context,
    cacheDir,
    request,
    build: (spec, more) => build(request(spec, more)),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

/** Makes a base of what was built, or of an image. */
function on(source: Source, descriptor: Descriptor, name?: string): Partial<BuildRequest> {
  return { locate: () => Promise.resolve({ source, descriptor, ...(name === undefined ? {} : { name }) }) };
}

async function treeOf({ source, descriptor }: Pick<BuildResult, "source" | "descriptor">): Promise<Tree> {
  return readTree(await openImage(source, descriptor));
}

function look(tree: Tree, path: string): string {
  const node = tree.lstat(path);
  if (node === undefined) return "nothing";
  const { type, mode, uid, gid, linkname } = node.header;
  return `${type} ${mode.toString(8)} ${uid}:${gid}${linkname === "" ? "" : ` ${linkname}`}`;
}

const tiny: BuildSpecInput = {
  platforms: ["linux/amd64", "linux/arm64"],
  layers: [
    { name: "files", add: [{ src: "dist", dest: "/app" }] },
    {
      name: "links",
      add: [
        { symlink: "app/main.js", dest: "/main" },
        { content: "hello\n", dest: "/etc/motd", mode: "0600" },
      ],
    },
    { name: "nothing", add: [{ content: "x", dest: "/x", platform: "linux/s390x" }] },
  ],
  entrypoint: ["/app/main.js"],
  env: { NODE_ENV: "production" },
  expose: [8080],
  labels: { b: "2", a: "1" },
  annotations: { "org.example.a": "1" },
};
const tinyFiles = { "dist/main.js": "#!/usr/bin/env node\n", "dist/lib/a.txt": "a".repeat(70_000), "dist/lib.txt": "" };
// What these pin: the order of entries, tar headers, documents and history; the second one the compressor too.
const tinyDigests = {
  none: "sha256:ade58ce06c0d4f20dcb2190225f9b598cd06e31ccb9aba601363516b3665c90c",
  gzip: "sha256:b843c97cca89bb84bd8830d09fbd7ba034d9aacaff0d766eacf6a278e319a3dc",
};

describe("FROM scratch", () => {
  test.each([0, 1, 4])("the same description and files have the same digest with %d threads", async (workers) => {
    await using here = await workspace(tinyFiles);
    for (const name of readdirSync(here.context, { recursive: true, encoding: "utf8" })) {
      const path = join(here.context, name);
      utimesSync(path, workers, 1000 + workers);
      // Only the owner's right to execute counts, not what umask left of the others'.
      chmodSync(path, path.endsWith("main.js") || !path.includes(".") ? 0o700 + workers : 0o600 + workers);
    }
    for (const [compression, digest] of Object.entries(tinyDigests)) {
      const result = await here.build({ ...tiny, compression }, { workers });
      await validateImage(result.source, result.descriptor);
      expect(result.descriptor.digest).toBe(digest);
    }
  });

  test("each platform has its image, and they share their layers", async () => {
    await using here = await workspace(tinyFiles);
    const events: BuildEvent[] = [];
    const { images, descriptor } = await here.build(tiny, { onEvent: (event) => events.push(event) });
    expect(descriptor.mediaType).toBe(mediaTypes.ociIndex);
    expect(images.map(({ platform }) => platform.architecture)).toEqual(["amd64", "arm64"]);
    expect(images[0]?.layers.map(({ name, reuse }) => [name, reuse])).toEqual([
      ["files", "none"],
      ["links", "none"],
    ]);
    expect(images[1]?.layers).toEqual(images[0]?.layers);
    expect(images[0]?.imageId).not.toBe(images[1]?.imageId);
    const starts = events.filter((event) => event.type === "layer-start");
    expect(starts).toMatchObject([
      { id: "0", name: "files", platforms: ["linux/amd64", "linux/arm64"], entries: 5, size: 70_020 },
      { id: "1", name: "links", entries: 3, size: 6 },
    ]);
    expect(events.filter((event) => event.type === "layer-done")).toHaveLength(2);
    expect(events.filter((event) => event.type === "image").map(({ platform }) => platform)).toEqual([
      "linux/amd64",
      "linux/arm64",
    ]);
  });

  test("one platform makes a manifest, of the host when none is named", async () => {
    await using here = await workspace();
    const { descriptor, images } = await here.build({ layers: [{ add: [{ content: "x", dest: "/x" }] }] });
    expect(descriptor.mediaType).toBe(mediaTypes.ociManifest);
    expect(images[0]?.platform.os).toBe("linux");
    expect(images[0]?.layers[0]?.name).toBe("layer 1");
  });

  test("layers that differ between platforms are packed for each", async () => {
    await using here = await workspace({ "bin/amd64": "A", "bin/arm64": "B" });
    const spec = { ...tiny, layers: [{ add: [{ src: "bin/$TARGETARCH", dest: "/bin/tool" }] }] };
    const { images } = await here.build(spec);
    expect(new Set(images.map(({ layers }) => layers[0]?.diffId)).size).toBe(2);
  });

  test("SOURCE_DATE_EPOCH is the time of files, folders and the image", async () => {
    await using here = await workspace(tinyFiles);
    const result = await here.build({ ...tiny, platforms: linux }, { sourceDateEpoch: 1_700_000_000 });
    const tree = await treeOf(result);
    expect([...tree].map(({ header }) => header.mtime)).toEqual(Array.from({ length: 8 }, () => 1_700_000_000));
    const { config } = await openImage(result.source, result.descriptor);
    expect(config.created).toBe("2023-11-14T22:13:20Z");
    expect(config.history?.map((entry) => entry.created)).toEqual([config.created, config.created]);
  });

  test("created may be said", async () => {
    await using here = await workspace(tinyFiles);
    const createdOf = async (created: BuildSpecInput["created"]): Promise<string | undefined> => {
      const { source, descriptor } = await here.build({ ...tiny, platforms: linux, created });
      return (await openImage(source, descriptor)).config.created;
    };
    expect(await createdOf(undefined)).toBe("1970-01-01T00:00:00Z");
    expect(await createdOf(86_400)).toBe("1970-01-02T00:00:00Z");
    expect(await createdOf("2024-02-03T04:05:06.5+01:00")).toBe("2024-02-03T03:05:06.500Z");
    const before = Math.floor(Date.now() / 1000) * 1000;
    expect(Date.parse((await createdOf("now")) ?? "")).toBeGreaterThanOrEqual(before);
  });

  test("owners by name come from the layers below", async () => {
    await using here = await workspace();
    const layers = [
      { add: [{ content: "web:x:33:34::/:\n", dest: "/etc/passwd" }] },
      { add: [{ content: "x", dest: "/srv/x", owner: "web" }] },
    ];
    expect(look(await treeOf(await here.build({ platforms: linux, layers })), "srv/x")).toBe("file 644 33:34");
    await expect(here.build({ platforms: linux, layers: layers.slice(1) })).rejects.toThrow(
      `Cannot find user "web": the image has no /etc/passwd`,
    );
  });

  test("a second build reads no file when times are settled", async () => {
    await using here = await workspace(tinyFiles);
    const first = await here.build(tiny);
    await new Promise((resolve) => setTimeout(resolve, 2100));
    await here.build(tiny);
    const third = await here.build(tiny);
    expect(third.descriptor).toEqual(first.descriptor);
    expect(third.images[0]?.layers.map(({ reuse }) => reuse)).toEqual(["stat", "stat"]);
  });

  test("every compression is of the same layer", async () => {
    await using here = await workspace(tinyFiles);
    const diffIds = new Set<string>();
    for (const compression of ["gzip", "gzip:9", "zstd", "none"]) {
      const { images, source, descriptor } = await here.build({ ...tiny, compression });
      await validateImage(source, descriptor);
      diffIds.add(JSON.stringify(images.map(({ layers }) => layers.map(({ diffId }) => diffId))));
    }
    expect(diffIds.size).toBe(1);
  });

  test("annotations are those of every manifest and of the index", async () => {
    await using here = await workspace(tinyFiles);
    const { source, descriptor, images } = await here.build(tiny);
    const index = JSON.parse(await read(source.blob(descriptor).open()));
    expect(index.annotations).toEqual({ "org.example.a": "1" });
    for (const image of images)
      expect((await openImage(source, image.descriptor)).manifest.annotations).toEqual({ "org.example.a": "1" });
  });
});

async function read(bytes: Bytes): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** A base like a distribution's: merged /usr, a sticky /tmp, accounts, and a config with things nobody knows. */
async function distribution(here: Workspace): Promise<{ source: MemoryStore; descriptor: Descriptor; image: Image }> {
  const { source, descriptor } = await here.build({
    platforms: linux,
    layers: [
      {
        name: "rootfs",
        add: [
          { directory: true, dest: "/tmp", mode: "1777" },
          { directory: true, dest: "/usr/lib" },
          { directory: true, dest: "/home/node", mode: "0700", owner: "1000:1001" },
          { symlink: "usr/lib", dest: "/lib" },
          { content: "root:x:0:0::/:\nnode:x:1000:1001::/:\n", dest: "/etc/passwd" },
          { content: "staff:x:50:\n", dest: "/etc/group" },
          { content: "old", dest: "/usr/lib/old.so" },
          { content: "cache", dest: "/var/cache/apt/x" },
        ],
      },
    ],
  });
  const built = await openImage(source, descriptor);
  const store = new MemoryStore();
  for (const layer of built.layers) await store.push(layer);
  const config = {
    ...built.config,
    config: { Env: ["PATH=/usr/bin"], Cmd: ["sh"], "x-unknown": [1, { z: null, a: "b" }] },
    docker_version: "1.2",
    variant: "v1",
  };
  const image = await writeImage(store, { config, layers: built.layers });
  return { source: store, descriptor: image.descriptor, image };
}

/** The digest and the layers that were read when `dest` was laid on a base, near or far. */
async function lay(
  add: NonNullable<NonNullable<BuildSpecInput["layers"]>[number]["add"]>[number],
  change: (config: ImageConfig) => ImageConfig = (config) => config,
): Promise<{ far: string; near: string; read: number }> {
  const read = { far: 0, near: 0 };
  const digests: Partial<Record<"far" | "near", string>> = {};
  for (const where of ["far", "near"] as const) {
    await using here = await workspace({ "dist/f": "f" });
    const { source, image } = await distribution(here);
    const base = await writeImage(source, { config: change(image.config), layers: image.layers });
    const tapped = tapSource(source, ({ mediaType }) => ({
      onOpen: () => (read[where] += mediaType.includes("layer") ? 1 : 0),
    }));
    const located = {
      source: tapped,
      descriptor: base.descriptor,
      name: "example.com/base:1",
      remote: where === "far",
    };
    await using there = await workspace({ "dist/f": "f" });
    const result = await there.build(
      { from: "example.com/base:1", layers: [{ add: [add] }] },
      { locate: () => Promise.resolve(located) },
    );
    digests[where] = result.descriptor.digest;
  }
  expect(read.near).toBeGreaterThan(0);
  return { far: digests.far ?? "", near: digests.near ?? "", read: read.far };
}

function workingIn(folder: string): (config: ImageConfig) => ImageConfig {
  return (config) => ({ ...config, config: { ...config.config, WorkingDir: folder } });
}

function madeBy(command: string): (config: ImageConfig) => ImageConfig {
  return (config) => ({ ...config, history: [{ created_by: `/bin/sh -c ${command}` }] });
}

describe("on a base that is far away", () => {
  test.each(["/app", "/app/deep/er", "/opt/acme", "/usr/share/nginx/html", "/usr/local/bin", "/etc/acme.conf", "/f"])(
    "no layer of it is read to put files at %s, and the image is the same",
    async (dest) => {
      const { far, near, read } = await lay(
        /\.conf$|^.f$/.test(dest) ? { src: "dist/f", dest } : { src: "dist", dest },
      );
      expect(read).toBe(0);
      expect(far).toBe(near);
    },
  );

  test.each(["/tmp", "/lib", "/home/node", "/usr/lib/x", "/etc/ssl/private", "/var/lib/x", "/usr/local/man"])(
    "its layers are read to put files at %s",
    async (dest) => {
      const { far, near, read } = await lay({ src: "dist", dest });
      expect(read).toBe(1);
      expect(far).toBe(near);
    },
  );

  test("its layers are read for names of owners, and for a folder that its config speaks of", async () => {
    expect((await lay({ src: "dist", dest: "/app", owner: "node" })).read).toBeGreaterThan(0);
    expect((await lay({ src: "dist", dest: "/app" }, workingIn("/app"))).read).toBe(1);
    expect((await lay({ src: "dist", dest: "/application" }, workingIn("/app"))).read).toBe(0);
    expect((await lay({ src: "dist", dest: "/srv/data" }, madeBy("install -d -o node /srv/data/deep"))).read).toBe(1);
  });

  test("its layers are read to remove something", async () => {
    await using here = await workspace({ f: "f" });
    const { source, descriptor } = await distribution(here);
    const result = await here.build(
      { from: "example.com/base:1", layers: [{ add: [{ src: "f", dest: "/app" }], remove: ["/lib/old.so"] }] },
      { locate: () => Promise.resolve({ source, descriptor, remote: true }) },
    );
    expect(look(await treeOf(result), "usr/lib/old.so")).toBe("nothing");
  });
});

describe("on a base", () => {
  test("its folders, links and accounts are respected", async () => {
    await using here = await workspace({ "dist/f": "f" });
    const base = await distribution(here);
    const result = await here.build(
      {
        from: "oci:base",
        layers: [
          {
            name: "app",
            add: [
              { src: "dist", dest: "/tmp" },
              { src: "dist/f", dest: "/lib/new.so" },
              { src: "dist", dest: "/home/node", owner: "node:staff" },
            ],
            remove: ["/var/cache/*", "/lib/old.so"],
          },
        ],
      },
      on(base.source, base.descriptor),
    );
    await validateImage(result.source, result.descriptor);
    const tree = await treeOf(result);
    expect(look(tree, "tmp")).toBe("directory 1777 0:0");
    expect(look(tree, "lib")).toBe("symlink 777 0:0 usr/lib");
    expect(look(tree, "usr/lib/new.so")).toBe("file 644 0:0");
    expect(look(tree, "usr/lib/old.so")).toBe("nothing");
    expect(look(tree, "home/node")).toBe("directory 700 1000:1001");
    expect(look(tree, "home/node/f")).toBe("file 644 1000:50");
    expect(look(tree, "var/cache")).toBe("directory 755 0:0");
    expect(look(tree, "var/cache/apt")).toBe("nothing");
    // None of it touches what is not named.
    const { entries } = await indexLayer(openLayer(await topLayer(result)));
    const names = entries.map((entry) =>
      entry.kind === "node" ? entry.header.path : entry.kind === "ignored" ? "?" : `-${entry.path}`,
    );
    expect(names).toEqual([
      "home",
      "home/node",
      "home/node/f",
      "tmp",
      "tmp/f",
      "usr",
      "usr/lib",
      "-usr/lib/old.so",
      "usr/lib/new.so",
      "var",
      "var/cache",
      "-var/cache",
    ]);
  });

  test("the config survives as it was, and its layers are not copied", async () => {
    await using here = await workspace();
    const base = await distribution(here);
    const result = await here.build(
      { from: "oci:base", env: { PATH: "/app:$PATH" }, annotations: { k: "v" } },
      on(base.source, base.descriptor, "example.com/base:1"),
    );
    const image = await openImage(result.source, result.descriptor);
    const { config, history = [], rootfs } = image.config;
    expect(JSON.stringify(config)).toBe(
      '{"Env":["PATH=/app:/usr/bin"],"Cmd":["sh"],"x-unknown":[1,{"z":null,"a":"b"}]}',
    );
    expect(image.config).toMatchObject({ docker_version: "1.2", variant: "v1" });
    expect(rootfs).toEqual(base.image.config.rootfs);
    expect(history.at(-1)).toMatchObject({ created_by: "lading build", empty_layer: true });
    expect(image.manifest.layers).toEqual(base.image.manifest.layers);
    expect(image.manifest.annotations).toEqual({
      k: "v",
      "org.opencontainers.image.base.digest": base.descriptor.digest,
      "org.opencontainers.image.base.name": "example.com/base:1",
    });
    expect(result.images[0]?.layers).toMatchObject([{ name: "rootfs", reuse: "base" }]);
  });

  test("of several platforms, each image is built on its own", async () => {
    await using here = await workspace();
    const base = await randomImage({ platforms: ["linux/amd64", "linux/arm64", "linux/s390x"], layers: 2 });
    const add = [{ content: "x", dest: "/app/x" }];
    const result = await here.build(
      { from: "base", platforms: ["linux/arm64", "linux/s390x"], layers: [{ add }] },
      on(base.source, base.descriptor),
    );
    await validateImage(result.source, result.descriptor);
    for (const [index, { layers, platform }] of result.images.entries()) {
      const below = base.images[index + 1];
      expect(platform).toEqual(below?.platform);
      expect(layers.map(({ diffId }) => diffId).slice(0, 2)).toEqual(below?.config.rootfs.diff_ids);
    }
    // The layer is the same for both.
    expect(result.images[0]?.layers[2]).toEqual(result.images[1]?.layers[2]);
    const index = JSON.parse(await read(result.source.blob(result.descriptor).open()));
    expect(index.annotations).toEqual({
      "org.opencontainers.image.base.digest": base.descriptor.digest,
      "org.opencontainers.image.base.name": "base",
    });
  });

  test("the default platform is its only one, whatever the host is", async () => {
    await using here = await workspace();
    const { source, images } = await randomImage({ platforms: ["linux/riscv64"] });
    const [image] = images;
    if (image === undefined) throw new Error("no image");
    const { images: built, descriptor } = await here.build({ from: "base", user: "1" }, on(source, image.descriptor));
    expect(built.map(({ platform }) => platform.architecture)).toEqual(["riscv64"]);
    expect(descriptor.mediaType).toBe(mediaTypes.ociManifest);
  });

  test("a platform that it lacks is an error that lists those it has", async () => {
    await using here = await workspace();
    const base = await randomImage({ platforms: ["linux/amd64", "linux/arm64"] });
    await expect(
      here.build({ from: "oci:b", platforms: ["linux/s390x"] }, on(base.source, base.descriptor)),
    ).rejects.toThrow(
      expect.objectContaining({
        code: "BASE",
        message: expect.stringMatching(
          /^Cannot use base "oci:b": Cannot find linux\/s390x.*it is for linux\/amd64, linux\/arm64$/,
        ),
      }),
    );
  });

  test("attestations are passed over", async () => {
    await using here = await workspace();
    const base = await randomImage({ layers: 1 });
    const [image] = base.images;
    if (image === undefined) throw new Error("no image");
    const index = await base.source.write(
      once(
        JSON.stringify({
          schemaVersion: 2,
          mediaType: mediaTypes.ociIndex,
          manifests: [
            {
              ...image.descriptor,
              platform: { os: "unknown", architecture: "unknown" },
              annotations: { "vnd.docker.reference.type": "attestation-manifest" },
            },
            { ...image.descriptor, platform: image.platform },
          ],
        }),
      ),
      mediaTypes.ociIndex,
    );
    const { images } = await here.build({ from: "base", user: "1", platforms: linux }, on(base.source, index));
    expect(images).toHaveLength(1);
  });

  test("Docker's media types become OCI's", async () => {
    await using here = await workspace();
    const { source, images } = await randomImage({ layers: 2 });
    const [image] = images;
    if (image === undefined) throw new Error("no image");
    const docker = [mediaTypes.dockerLayer, mediaTypes.dockerLayerGzip];
    const manifest = {
      ...image.manifest,
      mediaType: mediaTypes.dockerManifest,
      config: { ...image.manifest.config, mediaType: mediaTypes.dockerConfig },
      layers: image.manifest.layers.map(({ digest, size }, at) => ({ mediaType: docker[at], digest, size })),
    };
    const descriptor = await source.write(once(JSON.stringify(manifest)), mediaTypes.dockerManifest);
    const result = await here.build(
      { from: "base", layers: [{ add: [{ content: "x", dest: "/x" }] }] },
      on(source, descriptor),
    );
    await validateImage(result.source, result.descriptor);
    const built = await openImage(result.source, result.descriptor);
    expect(built.manifest.layers.map(({ mediaType }) => mediaType)).toEqual([
      mediaTypes.ociLayer,
      mediaTypes.ociLayerGzip,
      mediaTypes.ociLayerGzip,
    ]);
  });

  test("what is known of its layers is not read again", async () => {
    await using here = await workspace();
    const base = await randomImage({ layers: 2 });
    const { source, opened } = watched(base.source);
    const spec = { from: "base", layers: [{ add: [{ content: "x", dest: "/x" }] }] };
    const layersRead = (): number => opened.filter((type) => type.includes("layer")).length;
    const first = await here.build(spec, on(source, base.descriptor));
    expect(layersRead()).toBe(2);
    const second = await here.build(spec, on(source, base.descriptor));
    expect(layersRead()).toBe(2);
    expect(second.descriptor).toEqual(first.descriptor);
  });

  test("no layer is read when none is laid on it", async () => {
    await using here = await workspace();
    const base = await randomImage({ layers: 2 });
    const { source, opened } = watched(base.source);
    await here.build({ from: "base", user: "7" }, on(source, base.descriptor));
    expect(opened.filter((type) => type.includes("layer"))).toEqual([]);
    expect(opened).toHaveLength(4);
  });
});

/** A source that remembers the media types of what is read from it. */
function watched(source: Source): { readonly source: Source; readonly opened: string[] } {
  const opened: string[] = [];
  const blob = (descriptor: Descriptor): Blob => ({
    descriptor,
    open(options) {
      opened.push(descriptor.mediaType);
      return source.blob(descriptor).open(options);
    },
  });
  return { source: { resolve: (name) => source.resolve(name), blob }, opened };
}

async function topLayer({ source, descriptor }: BuildResult): Promise<Layer> {
  const { layers } = await openImage(source, descriptor);
  const top = layers.at(-1);
  if (top === undefined) throw new Error("no layer");
  return top;
}

async function* once(text: string | Uint8Array): Bytes {
  yield Buffer.from(text);
}

describe("a base that is not what it says", () => {
  test("by a layer's diffID", async () => {
    await using here = await workspace();
    const { source, images } = await randomImage();
    const layer = images[0]?.layers[0];
    if (layer === undefined) throw new Error("no layer");
    const config: Omit<ImageConfig, "rootfs"> = { os: "linux", architecture: "amd64" };
    const lie = await writeImage(source, { config, layers: [{ ...layer, diffId: digestOf("other") }] });
    const spec = { from: "oci:b", layers: [{ add: [{ content: "x", dest: "/x" }] }] };
    await expect(here.build(spec, on(source, lie.descriptor))).rejects.toThrow(
      expect.objectContaining({
        code: "BASE",
        message: expect.stringMatching(/^Cannot use base "oci:b": Cannot unpack layer sha256:.* expected diffID/),
        cause: expect.objectContaining({ code: "DIFFID_MISMATCH" }),
      }),
    );
    // It is found again: nothing of it was remembered.
    await expect(here.build(spec, on(source, lie.descriptor))).rejects.toThrow("expected diffID");
  });

  test("by a missing layer", async () => {
    await using here = await workspace();
    const { images } = await randomImage();
    const [image] = images;
    if (image === undefined) throw new Error("no image");
    const store = new MemoryStore();
    const bare = await writeImage(store, { config: image.config, layers: image.layers });
    const spec = { from: "oci:b", layers: [{ add: [{ content: "x", dest: "/x" }] }] };
    await expect(here.build(spec, on(store, bare.descriptor))).rejects.toThrow(
      expect.objectContaining({ code: "BASE", cause: expect.objectContaining({ code: "NOT_FOUND" }) }),
    );
  });
});

describe("a build that fails", () => {
  test.each<[string, BuildSpecInput, string, string]>([
    ["without layers", {}, "SPEC", "it would have no layer"],
    ["for a platform twice", { platforms: ["linux/amd64", "amd64"] }, "SPEC", "Cannot build for amd64 twice"],
    ["for no platform", { platforms: ["a/b/c/d"] }, "SPEC", 'Cannot parse platform "a/b/c/d"'],
    ["with a tag twice", { tags: ["a", "b", "a"] }, "SPEC", 'Cannot tag the image "a" twice'],
    ["with a level that is none", { compression: "gzip:77" }, "SPEC", 'Cannot parse compression "gzip:77"'],
    ["with an empty annotation", { annotations: { "": "x" } }, "SPEC", "Cannot set annotations: a name is empty"],
    ["for a file that is not there", { layers: [{ add: [{ src: "gone", dest: "/x" }] }] }, "SOURCE_MISSING", "gone"],
    ["for an empty dest", { layers: [{ add: [{ src: "f", dest: "" }] }] }, "SPEC", 'dest ""'],
  ])("%s", async (_, spec, code, message) => {
    await using here = await workspace({ f: "f" });
    await expect(here.build(spec)).rejects.toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(message) }),
    );
  });

  test("in one layer stops the others, and leaves nothing unfinished", async () => {
    await using here = await workspace({ big: "x".repeat(3_000_000), changes: "before" });
    const events: BuildEvent[] = [];
    const onEvent = (event: BuildEvent): void => {
      events.push(event);
      if (event.type === "layer-start" && event.name === "changes")
        writeFileSync(join(here.context, "changes"), "after, and longer");
    };
    const layers = [
      { name: "big", add: [{ src: "big", dest: "/big" }] },
      { name: "changes", add: [{ src: "changes", dest: "/changes" }] },
    ];
    await expect(here.build({ layers }, { onEvent })).rejects.toThrow(
      expect.objectContaining({ code: "SOURCE_CHANGED" }),
    );
    expect(events.some((event) => event.type === "image")).toBe(false);
    expect(readdirSync(join(here.cacheDir, "tmp"))).toEqual([]);
  });

  test("by its signal throws the signal's reason", async () => {
    await using here = await workspace({ big: "x".repeat(3_000_000) });
    const stop = new AbortController();
    const reason = new Error("enough");
    const onEvent = (event: BuildEvent): void => {
      if (event.type === "layer-start") stop.abort(reason);
    };
    const layers = [{ add: [{ src: "big", dest: "/big" }] }];
    await expect(here.build({ layers }, { onEvent, signal: stop.signal })).rejects.toBe(reason);
    expect(readdirSync(join(here.cacheDir, "tmp"))).toEqual([]);
    expect(readdirSync(join(here.cacheDir, "blobs", "sha256"))).toEqual([]);
  });
});

test("warnings come once, as events and in the result", async () => {
  await using here = await workspace({ "a/x": "", "a/X": "" });
  const told: string[] = [];
  const onEvent = (event: BuildEvent): void => void (event.type === "warning" && told.push(event.message));
  const { warnings } = await here.build(
    { ...tiny, layers: [{ name: "a", add: [{ src: "a", dest: "/a" }] }], env: { A: "$B" } },
    { onEvent },
  );
  expect(warnings).toEqual([
    'Layer "a" has "/a/X" and "/a/x", which are one file where case does not count',
    "env A uses $B, which the base does not set: it becomes empty (write $$ for a dollar)",
  ]);
  expect(told).toEqual(warnings);
});

test("more layers than engines take are warned about", async () => {
  await using here = await workspace();
  const base = await randomImage({ layers: 127, size: 1 });
  const { warnings } = await here.build(
    { from: "base", layers: [{ add: [{ content: "x", dest: "/x" }] }] },
    on(base.source, base.descriptor),
  );
  expect(warnings).toEqual(["The image for linux/amd64 has 128 layers: many engines take 127 at most"]);
});

test("a plan says what would be done, and nothing is done", async () => {
  await using here = await workspace(tinyFiles);
  const base = await distribution(here);
  const { images } = await planBuild(
    here.request({ ...tiny, from: "oci:base", platforms: linux, cmd: ["x"] }, on(base.source, base.descriptor)),
  );
  const [image] = images;
  expect(image?.base).toEqual({ place: "oci:base", digest: base.descriptor.digest, layers: 1 });
  expect(image?.layers.map(({ name, entries }) => [name, entries.map(({ path }) => path)])).toEqual([
    ["files", ["app", "app/lib", "app/lib.txt", "app/lib/a.txt", "app/main.js"]],
    ["links", ["etc", "etc/motd", "main"]],
  ]);
  expect(image?.config.config).toMatchObject({
    Entrypoint: ["/app/main.js"],
    Cmd: ["x"],
    Env: ["PATH=/usr/bin", "NODE_ENV=production"],
  });
  // The base's one layer, and no other.
  expect(readdirSync(join(here.cacheDir, "blobs", "sha256"))).toHaveLength(1);
});

test("an index of a base keeps its order of platforms out of the result", async () => {
  await using here = await workspace();
  const base = await randomImage({ platforms: ["linux/amd64", "linux/arm64"] });
  const turned = await writeIndex(base.source, base.images.toReversed());
  const spec = { from: "base", user: "1", platforms: ["linux/arm64", "linux/amd64"] };
  const one = await here.build(spec, on(base.source, base.descriptor));
  const other = await here.build(spec, on(base.source, turned));
  expect(other.images).toEqual(one.images);
});

test("a layer of an earlier build is verified when it is read again", async () => {
  await using here = await workspace(tinyFiles);
  await here.build(tiny);
  const { source, images } = await here.build(tiny);
  const layer = images[0]?.layers[0] ?? expect.fail("no layer");
  expect(layer.reuse).not.toBe("none");
  const path = join(here.cacheDir, "blobs", "sha256", layer.descriptor.digest.slice("sha256:".length));
  writeFileSync(path, Buffer.alloc(layer.descriptor.size));
  await expect(buffer(Readable.from(source.blob(layer.descriptor).open()))).rejects.toMatchObject({
    cause: { code: "DIGEST_MISMATCH" },
  });
});
