import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { randomImage, schemaErrors, temporaryFolder, validateImage } from "@lading/testkit";
import { expect, test } from "vitest";
import type { Bytes } from "../content.ts";
import { copy } from "../copy.ts";
import { digestHex } from "../digest.ts";
import { LayoutStore } from "./layout.ts";
import { nameOf } from "./layout-index.ts";
import { withLock } from "./lock.ts";
import { readBlob, verified } from "../verify.ts";

test("a layout is what the image-spec asks for", async () => {
  await using folder = await temporaryFolder();
  const image = await randomImage({ layers: 2, platforms: ["linux/amd64", "linux/arm64"] });
  const store = await LayoutStore.create(folder.path);
  await copy(image.source, store, image.descriptor);
  await store.tag(image.descriptor, "ghcr.io/acme/app:1");

  expect((await readdir(folder.path)).toSorted()).toEqual(["blobs", "index.json", "oci-layout"]);
  expect(await readFile(join(folder.path, "oci-layout"), "utf8")).toBe('{"imageLayoutVersion":"1.0.0"}');
  const index: unknown = JSON.parse(await readFile(join(folder.path, "index.json"), "utf8"));
  expect(schemaErrors("index", index) ?? "").toBe("");
  expect(index).toMatchObject({
    manifests: [
      {
        digest: image.descriptor.digest,
        annotations: {
          "io.containerd.image.name": "ghcr.io/acme/app:1",
          "org.opencontainers.image.ref.name": "1",
        },
      },
    ],
  });
  expect(store.path(image.descriptor.digest)).toBe(
    join(folder.path, "blobs", "sha256", digestHex(image.descriptor.digest)),
  );
  await validateImage(await LayoutStore.open(folder.path), image.descriptor);
});

test("a name is found in every form people write it", async () => {
  await using folder = await temporaryFolder();
  const image = await randomImage();
  const store = await LayoutStore.create(folder.path);
  await copy(image.source, store, image.descriptor);
  await store.tag(image.descriptor, "busybox:1.37");
  await store.tag(image.descriptor, "plain");
  for (const name of [
    "busybox:1.37",
    "docker.io/library/busybox:1.37",
    "1.37",
    "plain",
    "@0",
    "@1",
    "",
    image.descriptor.digest,
  ])
    expect(await store.resolve(name), name).toEqual(image.descriptor);
  expect((await store.list()).map(nameOf)).toEqual(["docker.io/library/busybox:1.37", "plain"]);
  await expect(store.resolve("busybox")).rejects.toThrow("it holds docker.io/library/busybox:1.37, plain");
  await expect(store.tag(image.descriptor, "a b")).rejects.toThrow(SyntaxError);
});

test("several images are never chosen between silently", async () => {
  await using folder = await temporaryFolder();
  const store = await LayoutStore.create(folder.path);
  const images = [await randomImage(), await randomImage()];
  for (const [i, image] of images.entries()) {
    await copy(image.source, store, image.descriptor);
    await store.tag(image.descriptor, `ghcr.io/acme/app${i}:1`);
  }
  await expect(store.resolve("")).rejects.toMatchObject({ code: "AMBIGUOUS" });
  await expect(store.resolve("1")).rejects.toMatchObject({ code: "AMBIGUOUS" });
  expect((await store.resolve("ghcr.io/acme/app1:1")).digest).toBe(images[1]?.descriptor.digest);
});

test("a document that is not listed is found by its digest, with its media type", async () => {
  await using folder = await temporaryFolder();
  const image = await randomImage({ platforms: ["linux/amd64"] });
  const store = await LayoutStore.create(folder.path);
  await copy(image.source, store, image.descriptor);
  const [manifest] = image.images;
  expect(await store.resolve(manifest?.descriptor.digest ?? "")).toEqual(manifest?.descriptor);
});

test("a damaged blob is noticed when it is read, and replaced when it is pushed again", async () => {
  await using folder = await temporaryFolder();
  const image = await randomImage();
  const store = await LayoutStore.create(folder.path);
  await copy(image.source, store, image.descriptor);
  const layer = image.images[0]?.layers[0] ?? expect.fail("no layer");
  const path = store.path(layer.descriptor.digest);

  const bytes = await readFile(path);
  bytes[600] = (bytes[600] ?? 0) ^ 1;
  await writeFile(path, bytes);
  await expect(readBlob(store.blob(layer.descriptor))).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });

  await truncate(path, 100);
  expect(await store.has(layer.descriptor)).toBe(false);
  await store.push(layer);
  await validateImage(store, image.descriptor);
});

async function read(bytes: Bytes): Promise<string> {
  return await text(Readable.from(bytes));
}

test("a blob of one's own is not hashed again", async () => {
  await using folder = await temporaryFolder();
  const store = await LayoutStore.create(folder.path);
  const descriptor = await store.write(Readable.from([Buffer.from("hello")]), "text/plain");
  // Only so can it be seen that nobody hashes.
  await writeFile(store.path(descriptor.digest), "jello");
  await expect(read(verified(store.blob(descriptor).open(), descriptor))).rejects.toThrow("the content is");
  expect(await read(verified(store.ownBlob(descriptor).open(), descriptor))).toBe("jello");
});

test("a manifest whose bytes were changed counts as missing, and a copy brings it again", async () => {
  await using folder = await temporaryFolder();
  const image = await randomImage({ platforms: ["linux/amd64"] });
  const store = await LayoutStore.create(folder.path);
  await copy(image.source, store, image.descriptor);
  const { descriptor } = image.images[0] ?? expect.fail("no image");
  const text = await readFile(store.path(descriptor.digest), "utf8");
  await writeFile(store.path(descriptor.digest), text.replace("schemaVersion", "SchemaVersion"));
  expect(await store.has(image.descriptor)).toBe(false);
  await copy(image.source, store, image.descriptor);
  await validateImage(store, image.descriptor);
});

test("an index.json that no reader would take is not written", async () => {
  await using folder = await temporaryFolder();
  const image = await randomImage();
  const store = await LayoutStore.create(folder.path);
  await copy(image.source, store, image.descriptor);
  await store.tag(image.descriptor, "v1");
  const index = JSON.parse(await readFile(join(folder.path, "index.json"), "utf8"));
  index.annotations = { padding: "x".repeat(4 * 1024 * 1024 - 500) };
  await writeFile(join(folder.path, "index.json"), JSON.stringify(index));
  await expect(store.tag(image.descriptor, "v".repeat(128))).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
  expect(await store.resolve("v1")).toEqual(image.descriptor);
  expect(await readdir(folder.path)).not.toContain("index.json.lock");
});

test.runIf(existsSync("/proc/self"))(
  "create() where nothing can be made fails instead of trying for ever",
  async () => {
    await expect(LayoutStore.create("/proc/nope/deeper")).rejects.toMatchObject({ code: "ENOENT" });
  },
);

test("create() refuses a folder of something else, and takes an empty or half-made one", async () => {
  await using folder = await temporaryFolder();
  await writeFile(join(folder.path, "important.txt"), "");
  await expect(LayoutStore.create(folder.path)).rejects.toThrow("important.txt");
  expect(await readdir(folder.path)).toEqual(["important.txt"]);
  await mkdir(join(folder.path, "new", "blobs"), { recursive: true });
  await LayoutStore.create(join(folder.path, "new"));
  await LayoutStore.open(join(folder.path, "new"));
});

test("open() says what is missing", async () => {
  await using folder = await temporaryFolder();
  await expect(LayoutStore.open(folder.path)).rejects.toMatchObject({ code: "NOT_FOUND" });
  await expect(LayoutStore.open(join(folder.path, "none"))).rejects.toThrow("it has no oci-layout");
  await writeFile(join(folder.path, "oci-layout"), '{"imageLayoutVersion":"9"}');
  await expect(LayoutStore.open(folder.path)).rejects.toMatchObject({ code: "INVALID_DOCUMENT" });
});

test("what a killed process left behind is removed a day later, and never looked at", async () => {
  await using folder = await temporaryFolder();
  await LayoutStore.create(folder.path);
  const [old, fresh] = [join(folder.path, ".lading-1-0123456789ab"), join(folder.path, ".lading-2-0123456789ab")];
  await writeFile(old, "half a blob");
  await writeFile(fresh, "half a blob");
  await utimes(old, 1, 1);
  await LayoutStore.create(folder.path);
  await expect(stat(old)).rejects.toMatchObject({ code: "ENOENT" });
  expect((await stat(fresh)).isFile()).toBe(true);
});

test("a lock whose owner died is taken over", async () => {
  await using folder = await temporaryFolder();
  const image = await randomImage();
  const store = await LayoutStore.create(folder.path);
  await copy(image.source, store, image.descriptor);
  // Larger than any process number there can be.
  const owner = await withLock(join(folder.path, "lock"), undefined, () => readFile(join(folder.path, "lock"), "utf8"));
  await writeFile(join(folder.path, "index.json.lock"), owner.replace(String(process.pid), "99999999"));
  await store.tag(image.descriptor, "v1");
  expect((await readdir(folder.path)).toSorted()).toEqual(["blobs", "index.json", "oci-layout"]);
});

const sourceFlags = "-C @lading/source --experimental-strip-types --no-warnings --input-type=module".split(" ");

test("two processes that tag at the same time lose no name", async () => {
  await using folder = await temporaryFolder();
  const image = await randomImage();
  const store = await LayoutStore.create(folder.path);
  await copy(image.source, store, image.descriptor);
  const script = `
    const { LayoutStore } = await import(process.argv[1]);
    const store = await LayoutStore.open(process.argv[2]);
    const descriptor = await store.resolve(process.argv[3]);
    for (let i = 0; i < 10; i += 1) await store.tag(descriptor, process.argv[4] + "-" + i);
  `;
  const tag = (name: string): Promise<unknown> =>
    promisify(execFile)(process.execPath, [
      ...sourceFlags,
      "-e",
      script,
      new URL("./layout.ts", import.meta.url).href,
      folder.path,
      image.descriptor.digest,
      name,
    ]);
  await Promise.all([tag("a"), tag("b"), tag("c")]);
  expect(await store.list()).toHaveLength(30);
});

test("a FIFO or a folder in place of a blob is an error and not a wait", async () => {
  await using folder = await temporaryFolder();
  const image = await randomImage();
  const store = await LayoutStore.create(folder.path);
  const path = store.path(image.descriptor.digest);
  await promisify(execFile)("mkfifo", [path]);
  await expect(readBlob(store.blob(image.descriptor))).rejects.toThrow("not a regular file");
  await expect(store.resolve(image.descriptor.digest)).rejects.toMatchObject({ code: "NOT_FOUND" });
  await rm(path);
  await mkdir(path);
  await expect(readBlob(store.blob(image.descriptor))).rejects.toThrow();
});

test("a blob may be a symlink, as build systems lay them out", async () => {
  await using folder = await temporaryFolder();
  const image = await randomImage();
  const store = await LayoutStore.create(folder.path);
  await copy(image.source, store, image.descriptor);
  const elsewhere = await mkdtemp(join(tmpdir(), "lading-elsewhere-"));
  try {
    const path = store.path(image.descriptor.digest);
    await writeFile(join(elsewhere, "blob"), await readFile(path));
    await rm(path);
    await symlink(join(elsewhere, "blob"), path);
    await validateImage(store, image.descriptor);
  } finally {
    await rm(elsewhere, { recursive: true });
  }
});

test("a copy brings the layers of an image whose manifest is there already", async () => {
  await using folder = await temporaryFolder();
  const image = await randomImage({ layers: 2, platforms: ["linux/amd64", "linux/arm64"] });
  const store = await LayoutStore.create(folder.path);
  // As a build does: its documents are written, the base's layers are still elsewhere.
  for (const { descriptor, manifest } of image.images)
    for (const document of [manifest.config, descriptor]) await store.push(image.source.blob(document));
  await store.push(image.source.blob(image.descriptor));
  expect(await store.has(image.descriptor)).toBe(false);
  await copy(image.source, store, image.descriptor);
  expect(await store.has(image.descriptor)).toBe(true);
  await validateImage(store, image.descriptor);
});

test("content is called by its own digest, and by no other", async () => {
  await using folder = await temporaryFolder();
  const image = await randomImage();
  const store = await LayoutStore.create(folder.path);
  await copy(image.source, store, image.descriptor);
  const name = `ghcr.io/acme/app@${image.descriptor.digest}`;

  await store.tag(image.descriptor, name);
  await store.tag(image.descriptor, name);

  expect((await store.list()).map(nameOf)).toEqual([name]);
  expect((await store.resolve(name)).digest).toBe(image.descriptor.digest);
  const other = `ghcr.io/acme/app@sha256:${"0".repeat(64)}`;
  await expect(store.tag(image.descriptor, other)).rejects.toThrow("that is the name of another image");
});

test("what content says it is called is no name where it is kept", async () => {
  await using folder = await temporaryFolder();
  const image = await randomImage();
  const store = await LayoutStore.create(folder.path);
  await copy(image.source, store, image.descriptor);
  const annotations = {
    "io.containerd.image.name": "ghcr.io/acme/app:1",
    "org.opencontainers.image.ref.name": "1",
    a: "b",
  };

  await store.keep({ ...image.descriptor, annotations });

  expect((await store.list()).map((entry) => entry.annotations)).toEqual([{ a: "b" }]);
  await expect(store.resolve("ghcr.io/acme/app:1")).rejects.toThrow("Cannot find");
});
