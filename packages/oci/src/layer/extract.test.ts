import { chmod, lstat, mkdir, readdir, readFile, readlink, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { temporaryFolder } from "@lading/testkit";
import { expect, test } from "vitest";
import { mediaTypes } from "../descriptor.ts";
import { digestOf } from "../digest.ts";
import { extractImage } from "./extract.ts";
import { flattenImage } from "./flatten.ts";
import type { Layer } from "../image.ts";
import { indexLayer } from "./layer-index.ts";
import { encodeTarHeader, type TarHeaderInput } from "../tar/tar-writer.ts";

type Entry = Partial<TarHeaderInput> & { readonly path: string; readonly body?: string };

function tarOf(...entries: readonly Entry[]): Buffer {
  const parts = entries.flatMap(({ body = "", ...header }) => [
    encodeTarHeader({ type: "file", mode: 0o644, uid: 0, gid: 0, mtime: 1000, size: body.length, ...header }),
    Buffer.from(body),
    Buffer.alloc((512 - (body.length % 512)) % 512),
  ]);
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

function layerOf(tar: Uint8Array, pack: (tar: Uint8Array) => Uint8Array = (bytes) => bytes): Layer & { reads: number } {
  const bytes = pack(tar);
  return {
    descriptor: { mediaType: mediaTypes.ociLayer, digest: digestOf(bytes), size: bytes.length },
    diffId: digestOf(tar),
    reads: 0,
    async *open() {
      this.reads++;
      for (let at = 0; at < bytes.length; at += 700) yield bytes.subarray(at, at + 700);
    },
  };
}

const base = tarOf(
  { path: "usr/bin", type: "directory", mode: 0o755 },
  { path: "bin", type: "symlink", linkname: "/usr/bin" },
  { path: "bin/tool", body: "old tool", mode: 0o755 },
  { path: "etc/gone", body: "x" },
  { path: "etc/raw\udcff", body: "raw" },
);
const top = tarOf(
  { path: "bin/tool", body: "new tool", mode: 0o4755, mtime: 1_600_000_000 },
  { path: "usr/bin/alias", type: "hardlink", linkname: "/bin/tool" },
  { path: "etc/.wh.gone" },
  { path: "closed", type: "directory", mode: 0o500, mtime: 1_500_000_000 },
  { path: "closed/file", body: "y".repeat(3000) },
  { path: "dangling", type: "symlink", linkname: "../../nowhere", mtime: 1_400_000_000 },
);
const image = { layers: [layerOf(base, gzipSync), layerOf(top, zstdCompressSync)] };

// Files are given to their owners.
const isRoot = process.getuid?.() === 0;

test.runIf(isRoot)("what a container sees lies in the folder, and only there", async () => {
  await using folder = await temporaryFolder();
  const out = join(folder.path, "new/rootfs");
  const report = await extractImage(image, out, { owners: true });

  expect(report).toEqual({ files: 3, directories: 5, links: 3, bytes: 3011, skipped: [] });
  expect((await readdir(out)).toSorted()).toEqual(["bin", "closed", "dangling", "etc", "usr"]);
  expect(await readFile(join(out, "usr/bin/tool"), "utf8")).toBe("new tool");
  expect(await readFile(join(out, "closed/file"), "utf8")).toBe("y".repeat(3000));
  expect(await readlink(join(out, "bin"))).toBe("/usr/bin");
  expect(await readdir(join(out, "etc"), { encoding: "buffer" })).toEqual([Buffer.from("raw\xff", "latin1")]);
  const tool = await lstat(join(out, "usr/bin/tool"));
  expect(tool).toMatchObject({ nlink: 2, ino: (await lstat(join(out, "usr/bin/alias"))).ino, mtimeMs: 1.6e12 });
  expect(tool.mode & 0o7777).toBe(0o4755);
  const closed = await lstat(join(out, "closed"));
  expect([closed.mode & 0o7777, closed.mtimeMs]).toEqual([0o500, 1.5e12]);
  expect((await lstat(join(out, "dangling"))).mtimeMs).toBe(1.4e12);
});

test("without owners there is no setuid either", async () => {
  await using folder = await temporaryFolder();
  await extractImage(image, folder.path, { owners: false });
  expect((await lstat(join(folder.path, "usr/bin/tool"))).mode & 0o7777).toBe(0o755);
  // Only root removes what lies in a folder that nobody may write to.
  await chmod(join(folder.path, "closed"), 0o700);
});

test("devices, FIFOs and extended attributes are reported as left out", async () => {
  await using folder = await temporaryFolder();
  const tar = tarOf(
    { path: "dev/null", type: "char", devmajor: 1, devminor: 3 },
    { path: "pipe", type: "fifo" },
    { path: "ping", xattrs: new Map([["security.capability", Uint8Array.of(1)]]) },
  );
  const report = await extractImage({ layers: [layerOf(tar)] }, folder.path);
  expect(report.skipped).toEqual([
    { path: "ping", reason: "extended attributes security.capability" },
    { path: "dev/null", reason: "a char device" },
    { path: "pipe", reason: "a FIFO" },
  ]);
  expect((await readdir(folder.path)).toSorted()).toEqual(["dev", "ping"]);
});

test("a folder that is not empty is left alone", async () => {
  await using folder = await temporaryFolder();
  await writeFile(join(folder.path, "mine"), "");
  await expect(extractImage(image, folder.path)).rejects.toMatchObject({ code: "COPY_FAILED" });
  await expect(extractImage(image, join(folder.path, "mine"))).rejects.toThrow("Cannot extract to");
  expect(await readdir(folder.path)).toEqual(["mine"]);
});

test("a failure leaves nothing behind, the folder itself only where it was there before", async () => {
  await using folder = await temporaryFolder();
  // Headers are fine in the first reading; the bytes are not those of the diffID in the second.
  const good = layerOf(top);
  const indexes = [await indexLayer(good.open())];
  const bad = { layers: [{ ...good, diffId: digestOf(""), open: () => good.open() }] };
  for (const name of ["there", "new"]) {
    if (name === "there") await mkdir(join(folder.path, name));
    await expect(extractImage(bad, join(folder.path, name), { indexes })).rejects.toMatchObject({
      code: "DIFFID_MISMATCH",
    });
  }
  expect(await readdir(folder.path)).toEqual(["there"]);
  expect(await readdir(join(folder.path, "there"))).toEqual([]);
});

test("an index that is not the layer's is noticed", async () => {
  await using folder = await temporaryFolder();
  const indexes = [await indexLayer(layerOf(tarOf({ path: "a", body: "1" })).open())];
  const other = { layers: [layerOf(tarOf({ path: "a", body: "22" }))] };
  await expect(extractImage(other, join(folder.path, "x"), { indexes })).rejects.toThrow(
    '"a" is not as its index says',
  );
});

test("a link planted in the folder while it fills is not followed", async () => {
  await using folder = await temporaryFolder();
  const victim = join(folder.path, "victim");
  await writeFile(victim, "safe");
  const layer = layerOf(top);
  const out = join(folder.path, "out");
  const indexes = [await indexLayer(layer.open())];
  const late = {
    ...layer,
    async *open() {
      await symlink(victim, join(out, "bin/tool"));
      yield* layer.open();
    },
  };
  await expect(extractImage({ layers: [late] }, out, { indexes })).rejects.toThrow(
    /Cannot extract "bin\/tool": EEXIST/,
  );
  expect(await readFile(victim, "utf8")).toBe("safe");
});

test.runIf(isRoot)(
  "the flattened tar holds the same tree; each layer is read twice, and once where nothing is left of it",
  async () => {
    await using folder = await temporaryFolder();
    const lost = layerOf(tarOf({ path: "lost", body: "z" }));
    const layers = [lost, layerOf(base), layerOf(tarOf({ path: ".wh.lost" })), layerOf(top)] as const;
    const flat = await buffer(flattenImage({ layers }));
    expect(layers.map((one) => one.reads)).toEqual([1, 2, 1, 2]);

    const [direct, through] = [join(folder.path, "direct"), join(folder.path, "through")];
    await extractImage({ layers }, direct, { owners: true });
    await extractImage({ layers: [layerOf(flat)] }, through, { owners: true });
    expect(await listing(through)).toEqual(await listing(direct));
    expect((await listing(direct)).length).toBe(10);
  },
);

async function listing(root: string, below = ""): Promise<unknown[]> {
  const found: unknown[] = [];
  for (const name of (await readdir(join(root, below), { encoding: "latin1" })).toSorted()) {
    const path = join(below, name);
    const stat = await lstat(Buffer.from(join(root, path), "latin1"));
    const { mode, size, mtimeMs, nlink } = stat;
    found.push({ path, mode, size, mtimeMs, nlink });
    if (stat.isDirectory()) found.push(...(await listing(root, path)));
  }
  return found;
}
