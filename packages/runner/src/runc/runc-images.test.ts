import { execFileSync } from "node:child_process";
import { existsSync, renameSync } from "node:fs";
import { lstat, mkdir, readdir, readFile, utimes, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import {
  type Bytes,
  type Digest,
  digestOf,
  encodeTarHeader,
  type Image,
  type Layer,
  mediaTypes,
  MemoryStore,
  type TarHeaderInput,
  tarTrailerSize,
  writeImage,
} from "@lading/oci";
import { temporaryFolder } from "@lading/testkit";
import { expect, test } from "vitest";
import { testPlan } from "../spec/run-bundle.suite.ts";
import { type ContainerRecord, ContainerStore } from "../state/container-store.ts";
import { withImageFiles } from "./image-files.ts";
import { lowerFolders } from "./lower-folders.ts";
import { hexOf, imagesFolder, rootfsOf, treesFolder, treesOf } from "./image-folder.ts";
import { RuncImages } from "./runc-images.ts";

const isRoot = process.getuid?.() === 0;
const canAskAttributes = isRoot && ["/sbin/getcap", "/usr/sbin/getcap"].some((path) => existsSync(path));

/** Of an image with one layer. */
function onlyFolder(root: string, image: Digest): string {
  const [tree = "", ...others] = treesOf(root, image);
  expect(others).toEqual([]);
  return rootfsOf(tree);
}

type Entry = TarHeaderInput & { readonly body?: string };

const entry = { mode: 0o644, uid: 0, gid: 0, mtime: 1000 };

async function imageOf(store: MemoryStore, entries: readonly Entry[], labels = {}): Promise<Image> {
  return await layeredImage(store, [entries], labels);
}

async function layeredImage(store: MemoryStore, layers: readonly (readonly Entry[])[], labels = {}): Promise<Image> {
  const config = { os: "linux", architecture: "amd64", config: { Labels: labels } };
  const written = layers.map((entries) => writeLayer(store, entries));
  return await writeImage(store, { config, layers: await Promise.all(written) });
}

async function writeLayer(
  store: MemoryStore,
  entries: readonly Entry[],
  algorithm?: "sha256" | "sha512",
): Promise<Layer> {
  const parts = entries.flatMap(({ body = "", ...header }) => [
    encodeTarHeader({ ...header, size: body.length }),
    Buffer.from(body),
    Buffer.alloc((512 - (body.length % 512)) % 512),
  ]);
  const tar = Buffer.concat([...parts, Buffer.alloc(tarTrailerSize)]);
  const descriptor = await store.write(once(tar), mediaTypes.ociLayer);
  const blob = store.blob(descriptor);
  return { descriptor, diffId: digestOf(tar, algorithm), open: (options) => blob.open(options) };
}

function capabilities(path: string): string {
  return execFileSync("getcap", ["-n", path], { encoding: "utf8" }).trim();
}

async function* once(bytes: Uint8Array): Bytes {
  yield bytes;
}

async function makeStore(): Promise<AsyncDisposable & { readonly root: string; readonly images: RuncImages }> {
  const folder = await temporaryFolder();
  return {
    root: folder.path,
    images: new RuncImages(new ContainerStore(folder.path)),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

// cap_net_raw=ep, as the kernel keeps it (struct vfs_cap_data, revision 2).
const netRaw = Buffer.from("0100000200200000000000000000000000000000", "hex");

test.runIf(isRoot)("devices and FIFOs are what the image says", async () => {
  await using store = await makeStore();
  const source = new MemoryStore();
  const { descriptor, manifest } = await imageOf(source, [
    { ...entry, path: "dev/zero", type: "char", mode: 0o666, devmajor: 1, devminor: 5 },
    { ...entry, path: "dev/disk", type: "block", mode: 0o600, gid: 6, devmajor: 8, devminor: 1 },
    { ...entry, path: "pipe", type: "fifo", mode: 0o622, uid: 7 },
    { ...entry, path: "pipe2", type: "hardlink", linkname: "pipe" },
  ]);

  await store.images.import(source, descriptor);

  const rootfs = onlyFolder(store.root, manifest.config.digest);
  const [zero, disk, pipe, pipe2] = await Promise.all(
    ["dev/zero", "dev/disk", "pipe", "pipe2"].map((path) => lstat(join(rootfs, path))),
  );
  expect([zero?.isCharacterDevice(), zero?.rdev, zero?.mode]).toEqual([true, 0x105, 0o20666]);
  expect([disk?.isBlockDevice(), disk?.rdev, disk?.gid]).toEqual([true, 0x801, 6]);
  expect([pipe?.isFIFO(), pipe?.uid, pipe?.mode]).toEqual([true, 7, 0o10622]);
  expect(pipe2?.ino).toBe(pipe?.ino);
});

test.runIf(canAskAttributes)(
  "file capabilities are kept, by all names of a file, and for users of their own too",
  async () => {
    await using store = await makeStore();
    const source = new MemoryStore();
    const { descriptor, manifest } = await imageOf(source, [
      { ...entry, path: "bin", type: "directory", mode: 0o755 },
      {
        ...entry,
        path: "bin/ping",
        type: "file",
        mode: 0o755,
        uid: 3,
        body: "#!ping",
        xattrs: new Map([
          ["security.capability", netRaw],
          ["trusted.overlay.opaque", Buffer.from("y")],
        ]),
      },
      { ...entry, path: "bin/ping4", type: "hardlink", linkname: "bin/ping" },
      { ...entry, path: "bin/su", type: "file", mode: 0o4755, body: "#!su".repeat(50_000) },
    ]);
    await store.images.import(source, descriptor);
    const rootfs = onlyFolder(store.root, manifest.config.digest);

    expect(capabilities(join(rootfs, "bin/ping"))).toMatch(/ cap_net_raw[+=]e?p/);
    expect(await readFile(join(rootfs, "bin/ping4"), "utf8")).toBe("#!ping");
    expect((await lstat(join(rootfs, "bin/ping"))).nlink).toBe(2);

    const range = [{ containerId: 0, hostId: 500_000, size: 65_536 }];
    const lower = await lowerFolders(store.root, manifest.config.digest, { uidMap: range, gidMap: range });
    expect(lower.folders).toEqual([lower.root, rootfs]);
    const mapped = join(lower.root, "bin/ping");
    expect(capabilities(mapped)).toMatch(/ cap_net_raw[+=]e?p/);
    expect(await lstat(mapped)).toMatchObject({ uid: 500_003, gid: 500_000 });
    const su = await lstat(join(lower.root, "bin/su"));
    expect([su.uid, su.mode & 0o7777]).toEqual([500_000, 0o4755]);
    // The content is not there a second time.
    expect(su.blocks * 512).toBeLessThan(su.size / 10);
  },
);

test.runIf(isRoot)("images of the same layers share their files, which go with the last of them", async () => {
  await using store = await makeStore();
  const source = new MemoryStore();
  const files = [{ ...entry, path: "file", type: "file", body: "x" }] as const;
  const one = await imageOf(source, files, { n: "1" });
  const two = await imageOf(source, files, { n: "2" });

  await store.images.import(source, one.descriptor, { name: "localhost/one:1" });
  await store.images.import(source, two.descriptor, { name: "localhost/two:1" });
  expect(await readdir(treesFolder(store.root))).toHaveLength(1);

  await store.images.remove("localhost/one:1");
  expect((await store.images.find("localhost/two:1"))?.size).toBe(1);
  await store.images.remove("localhost/two:1");
  expect(await readdir(treesFolder(store.root))).toEqual([]);
});

test.runIf(isRoot)("a layer is on the disk once, and goes with the last image that has it", async () => {
  await using store = await makeStore();
  const source = new MemoryStore();
  const base = [{ ...entry, path: "base", type: "file", body: "base" }] as const;
  const app = (body: string): readonly Entry[] => [{ ...entry, path: "app", type: "file", body }];
  const one = await layeredImage(source, [base, app("1")]);
  const two = await layeredImage(source, [base, app("22")]);

  await store.images.import(source, one.descriptor, { name: "localhost/app:1" });
  expect((await store.images.import(source, two.descriptor, { name: "localhost/app:2" })).size).toBe(6);
  expect(await readdir(treesFolder(store.root))).toHaveLength(3);

  await store.images.remove("localhost/app:1");
  const left = await readdir(treesFolder(store.root));
  expect(left.toSorted()).toEqual(
    treesOf(store.root, two.manifest.config.digest)
      .map((tree) => basename(tree))
      .toSorted(),
  );
  await store.images.remove("localhost/app:2");
  expect(await readdir(treesFolder(store.root))).toEqual([]);
});

test.runIf(isRoot)("an import that fails leaves nothing of the layers that it had unpacked", async () => {
  await using store = await makeStore();
  const source = new MemoryStore();
  const wrong = [{ ...entry, path: "link", type: "hardlink", linkname: "nowhere" }] as const;
  const { descriptor } = await layeredImage(source, [wrong, [{ ...entry, path: "app", type: "file", body: "x" }]]);

  await expect(store.images.import(source, descriptor)).rejects.toThrow("is not there");
  expect(await readdir(treesFolder(store.root))).toEqual([]);
});

test.runIf(isRoot).each([
  ["sha256", "sha512"],
  ["sha512", "sha256"],
  ["sha512", "sha512"],
] as const)("layers whose diffIDs are %s, and %s above, are all seen, and used", async (lower, upper) => {
  await using store = await makeStore();
  const source = new MemoryStore();
  const written = [
    await writeLayer(source, [{ ...entry, path: "lower", type: "file", body: "x" }], lower),
    // It does not say whose /etc is: merged with all below.
    await writeLayer(source, [{ ...entry, path: "etc/upper", type: "file", body: "xx" }], upper),
    await writeLayer(source, [{ ...entry, path: "top", type: "file", body: "xxx" }], upper),
  ];
  const config = { os: "linux", architecture: "amd64" };
  const image = await writeImage(source, { config, layers: written });
  const alone = await writeImage(source, { config, layers: written.slice(0, 1) });
  for (const { descriptor } of [image, alone]) await store.images.import(source, descriptor);

  await store.images.remove(alone.manifest.config.digest);
  const { folders } = await lowerFolders(store.root, image.manifest.config.digest, undefined);
  const seen = await Promise.all(folders.map((folder) => readdir(folder)));
  expect(seen.map((names) => names.toSorted())).toEqual([["top"], ["etc", "lower"]]);
  expect((await store.images.find(image.manifest.config.digest))?.size).toBe(6);
  await store.images.remove(image.manifest.config.digest);
  expect(await readdir(treesFolder(store.root))).toEqual([]);
});

test.runIf(isRoot)("an image with a name of a tree that cannot be one is no image", async () => {
  await using store = await makeStore();
  const source = new MemoryStore();
  const { descriptor, manifest } = await layeredImage(source, [[{ ...entry, path: "file", type: "file", body: "x" }]]);
  const { id } = await store.images.import(source, descriptor);
  const path = join(imagesFolder(store.root), hexOf(id), "image.json");
  const record: { readonly trees: readonly string[] } = JSON.parse(await readFile(path, "utf8"));
  await writeFile(path, JSON.stringify({ ...record, trees: [...record.trees, "../images"] }));

  expect(await store.images.find(id)).toBeUndefined();
  await expect(lowerFolders(store.root, manifest.config.digest, undefined)).rejects.toMatchObject({
    code: "NOT_FOUND",
  });
});

test.runIf(isRoot)("what was left by who was killed goes a day later, with the next image that does", async () => {
  await using store = await makeStore();
  const source = new MemoryStore();
  const files = ["one", "two"].map((path) => [{ ...entry, path, type: "file" }] as const);
  const [kept, gone] = [await layeredImage(source, files), await layeredImage(source, files.slice(1))];
  for (const { descriptor } of [kept, gone]) await store.images.import(source, descriptor);
  const place = treesFolder(store.root);
  for (const name of [".0123456789ab", "a".repeat(64), "b".repeat(64)]) await mkdir(join(place, name));
  for (const name of await readdir(place)) if (!name.startsWith("b")) await utimes(join(place, name), 1000, 1000);

  await store.images.remove(gone.manifest.config.digest);
  const trees = treesOf(store.root, kept.manifest.config.digest).map((tree) => basename(tree));
  expect((await readdir(place)).toSorted()).toEqual([...trees, "b".repeat(64)].toSorted());
});

test.runIf(isRoot)("a name may be longer than that of a file", async () => {
  await using store = await makeStore();
  const source = new MemoryStore();
  const { descriptor } = await imageOf(source, []);
  const name = `localhost/${"a/".repeat(100)}a:${"1".repeat(128)}`;

  await store.images.import(source, descriptor, { name });

  expect((await store.images.find(name))?.names).toEqual([name]);
  expect(await store.images.find(`${name.slice(0, -1)}2`)).toBeUndefined();
});

test.runIf(isRoot)("what a killed import left is no image, and the next one makes it whole", async () => {
  await using store = await makeStore();
  const source = new MemoryStore();
  const { descriptor } = await imageOf(source, [{ ...entry, path: "file", type: "file", body: "whole" }]);
  // As far as an import comes before its folders get their names.
  await mkdir(join(treesFolder(store.root), ".0123456789ab/rootfs"), { recursive: true });
  await mkdir(join(store.root, "images/.0123456789ab"), { recursive: true });

  expect(await store.images.list()).toEqual([]);
  const image = await store.images.import(source, descriptor);

  expect(await readFile(join(onlyFolder(store.root, image.id), "file"), "utf8")).toBe("whole");
});

test.runIf(isRoot)("an image that a container stands on stays, even by force", async () => {
  await using store = await makeStore();
  const source = new MemoryStore();
  const { descriptor } = await imageOf(source, [{ ...entry, path: "file", type: "file", body: "x" }]);
  const { id } = await store.images.import(source, descriptor, { name: "localhost/used:1" });
  const containers = new ContainerStore(store.root);
  const plan = testPlan({ command: ["true"], name: "user" });
  const record = await containers.create({ engine: "runc", image: { id, name: "localhost/used:1" }, plan });

  await expect(store.images.remove(id, { force: true })).rejects.toMatchObject({
    code: "IN_USE",
    hint: expect.stringContaining("user"),
  });
  await containers.remove(record);
  await store.images.remove(id);
  expect(await store.images.list()).toEqual([]);
});

test.runIf(isRoot)("an image that another process is faster to remove is not found", async () => {
  await using store = await makeStore();
  const source = new MemoryStore();
  const { descriptor } = await imageOf(source, [{ ...entry, path: "file", type: "file", body: "x" }]);
  const { id } = await store.images.import(source, descriptor, { name: "localhost/gone:1" });
  class Slow extends ContainerStore {
    override list(): readonly ContainerRecord[] {
      renameSync(join(imagesFolder(store.root), hexOf(id)), join(store.root, "taken"));
      return super.list();
    }
  }

  await expect(new RuncImages(new Slow(store.root)).remove("localhost/gone:1")).rejects.toMatchObject({
    code: "NOT_FOUND",
  });
});

test.runIf(isRoot)("an image that gets a container while it is being removed stays, with its names", async () => {
  await using store = await makeStore();
  const source = new MemoryStore();
  const { descriptor } = await imageOf(source, [{ ...entry, path: "file", type: "file", body: "x" }]);
  const image = await store.images.import(source, descriptor, { name: "localhost/used:1" });
  const containers = new ContainerStore(store.root);
  const plan = testPlan({ command: ["true"], name: "user" });
  const user = await containers.create({ engine: "runc", image: { id: image.id, name: "localhost/used:1" }, plan });
  class Late extends ContainerStore {
    #asked = 0;

    override list(): readonly ContainerRecord[] {
      return this.#asked++ === 0 ? [] : super.list();
    }
  }

  await expect(new RuncImages(new Late(store.root)).remove("localhost/used:1")).rejects.toMatchObject({
    code: "IN_USE",
  });
  expect(await store.images.list()).toEqual([image]);
  expect((await lowerFolders(store.root, user.image.id, undefined)).folders).toHaveLength(1);
});

test.runIf(isRoot)("what the lowest layer removes of nothing is not there to look at", async () => {
  await using store = await makeStore();
  const source = new MemoryStore();
  const { descriptor } = await imageOf(source, [
    { ...entry, path: ".wh.data", type: "file" },
    { ...entry, path: "file", type: "file" },
  ]);
  const { id } = await store.images.import(source, descriptor);

  const seen = await withImageFiles(store.root, id, join(store.root, "view"), (files) => readdir(files));
  expect(seen).toEqual(["file"]);
});
