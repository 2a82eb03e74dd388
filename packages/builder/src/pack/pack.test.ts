import { mediaTypes } from "@lading/oci";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { expect, test } from "vitest";
import { CHUNK_SIZE } from "./chunk-codec.ts";
import type { LayerEntry, LayerPlan } from "../entry.ts";
import { packLayer } from "./pack.ts";
import { diskPlan, literal, mixedBytes, packOptions, temporaryFolder } from "./pack.suite.ts";

/** Every kind of entry, and a file of several chunks. */
const everything: LayerPlan = {
  name: "everything",
  entries: [
    { type: "directory", path: "app", mode: 0o1777, uid: 0, gid: 0, mtime: 1 },
    literal("app/big", mixedBytes(3 * CHUNK_SIZE + 12_345)),
    literal("app/empty", ""),
    literal(`app/${"long/".repeat(40)}ä\udcff`, "text"),
    { type: "hardlink", path: "app/hard", linkname: "app/big", mode: 0o644, uid: 0, gid: 0, mtime: 1 },
    { type: "opaque", path: "cache", mode: 0o755, uid: 0, gid: 0, mtime: 1 },
    { type: "whiteout", path: "etc/motd", mode: 0o755, uid: 0, gid: 0, mtime: 1 },
    { type: "fifo", path: "pipe", mode: 0o600, uid: 1000, gid: 1000, mtime: 1 },
    { type: "symlink", path: "run", linkname: "var/run", mode: 0o777, uid: 0, gid: 0, mtime: 1 },
    { type: "char", path: "zero", devmajor: 1, devminor: 5, mode: 0o666, uid: 0, gid: 0, mtime: 1 },
  ],
};

test("the bytes of a layer stay what they were when this test was written", async () => {
  const layer = await packLayer(everything, await packOptions({ compression: "gzip:6" }));

  // The diffID is promised for good. The digest changes with the compressor, and then DEFLATE_VERSION must, too.
  expect(layer.diffId).toBe("sha256:edb55ce83dfe075dfe4a038e0c1a0aa1f859888a2458b46052e60c5d490334a3");
  expect(layer.descriptor.digest).toBe("sha256:08671fb8319afc7f291b95d56caf5d556471e1f2c677fb77071e6a7aec813cba");
});

test.each(["gzip:1", "gzip:6", "gzip:9", "zstd:1", "zstd:9", "none"])(
  "%s gives the same bytes with no, one, two and four threads",
  async (compression) => {
    const layers = await Promise.all(
      [0, 1, 2, 4].map(async (workers) => packLayer(everything, await packOptions({ compression, workers }))),
    );

    expect(new Set(layers.map(({ descriptor }) => descriptor.digest)).size).toBe(1);
    expect(new Set(layers.map(({ diffId }) => diffId)).size).toBe(1);
  },
);

test.each([
  ["gzip", mediaTypes.ociLayerGzip, ["gzip", "-t"]],
  ["zstd", mediaTypes.ociLayerZstd, ["zstd", "-tq"]],
] as const)("a %s layer is what its own tool takes for whole", async (compression, mediaType, [tool, ...flags]) => {
  const options = await packOptions({ compression, workers: 2 });
  const { descriptor, unpackedSize } = await packLayer(everything, options);

  const path = options.cache.store.path(descriptor.digest);
  const bytes = readFileSync(path);
  const unpacked = compression === "gzip" ? gunzipSync(bytes) : zstdDecompressSync(bytes);
  expect(descriptor).toEqual({ mediaType, digest: descriptor.digest, size: bytes.length });
  expect(unpacked.length).toBe(unpackedSize);
  execFileSync(tool, flags, { input: bytes });
});

test("GNU tar lists what was packed, deletions by their reserved names", async () => {
  const options = await packOptions({ compression: "none" });
  const { descriptor } = await packLayer(everything, options);

  const listing = execFileSync(
    "tar",
    ["--numeric-owner", "--utc", "--quoting-style=escape", "-tvf", options.cache.store.path(descriptor.digest)],
    { encoding: "utf8", env: { ...process.env, LC_ALL: "C" } },
  );
  expect(listing.replaceAll(/ +/g, " ").trim().split("\n")).toEqual([
    "drwxrwxrwt 0/0 0 1970-01-01 00:00 app/",
    "-rw-r--r-- 0/0 3158073 1970-01-01 00:00 app/big",
    "-rw-r--r-- 0/0 0 1970-01-01 00:00 app/empty",
    String.raw`-rw-r--r-- 0/0 4 1970-01-01 00:00 app/${"long/".repeat(40)}\303\244\377`,
    "hrw-r--r-- 0/0 0 1970-01-01 00:00 app/hard link to app/big",
    "---------- 0/0 0 1970-01-01 00:00 cache/.wh..wh..opq",
    "---------- 0/0 0 1970-01-01 00:00 etc/.wh.motd",
    "prw------- 1000/1000 0 1970-01-01 00:00 pipe",
    "lrwxrwxrwx 0/0 0 1970-01-01 00:00 run -> var/run",
    "crw-rw-rw- 0/0 1,5 1970-01-01 00:00 zero",
  ]);
});

test("files on disk come out as they went in", async () => {
  const folder = temporaryFolder();
  const big = mixedBytes(2 * CHUNK_SIZE);
  writeFileSync(join(folder, "big"), big);
  writeFileSync(join(folder, "small"), "small");
  writeFileSync(join(folder, "empty"), "");
  symlinkSync("small", join(folder, "link"));
  const options = await packOptions({ workers: 2 });

  const { descriptor } = await packLayer(diskPlan(folder), options);

  const target = temporaryFolder();
  execFileSync("tar", ["-xzf", options.cache.store.path(descriptor.digest), "-C", target]);
  expect(readdirSync(target)).toEqual(["big", "empty", "link", "small"]);
  expect(Buffer.compare(readFileSync(join(target, "big")), big)).toBe(0);
  expect(readFileSync(join(target, "link"), "utf8")).toBe("small");
});

function member(size: number): LayerPlan {
  const content = { kind: "member", digest: "a", path: "a: file", open } as const;
  return { name: "unpacked", entries: [{ ...literal("file", "12345"), size, content }] };
}

async function* open(): AsyncGenerator<Uint8Array> {
  yield Buffer.from("12");
  yield Buffer.from("345");
}

test("a member of an archive is streamed into the layer, and must be as long as its header said", async () => {
  const same = await packLayer({ name: "same", entries: [literal("file", "12345")] }, await packOptions());

  expect((await packLayer(member(5), await packOptions())).diffId).toBe(same.diffId);
  const error = { code: "SOURCE_CHANGED" };
  await expect(packLayer(member(4), await packOptions())).rejects.toMatchObject(error);
  await expect(packLayer(member(6), await packOptions())).rejects.toMatchObject(error);
});

test("several layers share the threads of one pool", async () => {
  const options = await packOptions({ workers: 2 });
  const plans = [1, 2, 3, 4].map((seed) => ({
    name: `${seed}`,
    entries: [literal("file", mixedBytes(12_000_000, seed))],
  }));

  const together = await Promise.all(plans.map((plan) => packLayer(plan, { ...options, noCache: true })));

  const alone = [];
  for (const plan of plans) alone.push(await packLayer(plan, await packOptions()));
  expect(together.map(({ descriptor }) => descriptor)).toEqual(alone.map(({ descriptor }) => descriptor));
});

test.each([0, 2])("an aborted pack with %i threads rejects with the reason and leaves no file", async (workers) => {
  const controller = new AbortController();
  const reason = new Error("enough");
  const options = await packOptions({
    workers,
    signal: controller.signal,
    onProgress: (done) => done > CHUNK_SIZE && controller.abort(reason),
  });

  await expect(packLayer(everything, options)).rejects.toBe(reason);

  expect(filesBelow(options.cache.folder)).toEqual(["CACHEDIR.TAG", "index.json", "oci-layout"]);
});

test("progress counts the bytes of the tar up to its size", async () => {
  const seen: number[] = [];

  const { unpackedSize } = await packLayer(everything, await packOptions({ onProgress: (done) => seen.push(done) }));

  expect(seen).toEqual(seen.toSorted((a, b) => a - b));
  expect(seen.at(-1)).toBe(unpackedSize);
});

test("an entry that no tar can hold is refused by name", async () => {
  const entry: LayerEntry = { ...literal("file", ""), uid: -1 };

  await expect(packLayer({ name: "x", entries: [entry] }, await packOptions())).rejects.toMatchObject({
    code: "SPEC",
    message: expect.stringContaining('"file"'),
  });
});

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((found) => found.isFile())
    .map((found) => join(found.parentPath, found.name).slice(folder.length + 1))
    .sort();
}
