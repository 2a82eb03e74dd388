import { createWriteStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { randomImage, temporaryFolder, validateImage } from "@lading/testkit";
import { type Header, pack } from "tar-stream";
import { describe, expect, test } from "vitest";
import { copy } from "../copy.ts";
import { mediaTypes } from "../descriptor.ts";
import { digestHex, digestOf } from "../digest.ts";
import { DockerArchive } from "./docker-archive.ts";
import { DockerArchiveSink } from "./docker-archive-sink.ts";
import { openImage } from "../image.ts";
import { jsonBytes } from "../json.ts";

const layer = Buffer.alloc(10240, 0);
const other = Buffer.concat([Buffer.alloc(10240, 0), Buffer.alloc(10240, 0)]);

type Member = readonly [(Partial<Header> & { name: string }) | string, Uint8Array | string];

async function archiveOf(file: string, members: readonly Member[]): Promise<string> {
  const tar = pack();
  for (const [header, body] of members) {
    const full = typeof header === "string" ? { name: header } : header;
    tar.entry({ mtime: new Date(0), ...full }, full.type === "symlink" ? "" : Buffer.from(body));
  }
  tar.finalize();
  await pipeline(tar, createWriteStream(file));
  return file;
}

/** A frame of so many blocks, each a zero that is repeated 131072 times (RFC 8878 §3.1.1.2). */
function zstdOfZeros(blocks: number): Uint8Array {
  const bytes = Buffer.alloc(6 + blocks * 4);
  // Magic, no content size, a window of 128 KiB.
  bytes.set([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38]);
  for (let i = 0; i < blocks; i += 1)
    bytes.writeUIntLE((131072 << 3) | (1 << 1) | (i === blocks - 1 ? 1 : 0), 6 + i * 4, 3);
  return bytes;
}

const configOf = (...layers: readonly Uint8Array[]): Uint8Array =>
  jsonBytes({
    architecture: "amd64",
    os: "linux",
    rootfs: { type: "layers", diff_ids: layers.map((bytes) => digestOf(bytes)) },
  });

const manifestOf = (layers: readonly string[], tags: readonly string[] | null = ["app:1"]): Uint8Array =>
  jsonBytes([{ Config: "config.json", RepoTags: tags, Layers: layers }]);

describe("reading", () => {
  test.each([
    ["plain", layer, mediaTypes.ociLayer],
    ["gzip", gzipSync(layer), mediaTypes.ociLayerGzip],
    ["zstd", zstdCompressSync(layer), mediaTypes.ociLayerZstd],
  ])("a %s layer gets the media type of its content", async (_, bytes, mediaType) => {
    await using folder = await temporaryFolder();
    const file = await archiveOf(join(folder.path, "a.tar"), [
      ["manifest.json", manifestOf(["./layer.tar"])],
      ["config.json", configOf(layer)],
      ["layer.tar", bytes],
    ]);
    const archive = await DockerArchive.open(file);
    const image = await openImage(archive, "app:1");
    expect(image.manifest.layers).toEqual([{ mediaType, digest: digestOf(bytes), size: bytes.byteLength }]);
    await validateImage(archive, image.descriptor);
    expect(await (await DockerArchive.open(file)).resolve("")).toEqual(image.descriptor);
    expect(await archive.resolve(image.descriptor.digest)).toEqual(image.descriptor);
  });

  test("a layer shared through a symlink, as old docker save writes it", async () => {
    await using folder = await temporaryFolder();
    const file = await archiveOf(join(folder.path, "a.tar"), [
      ["aaa/layer.tar", layer],
      [{ name: "bbb/layer.tar", type: "symlink", linkname: "../aaa/layer.tar" }, ""],
      ["config.json", configOf(layer, layer)],
      ["manifest.json", manifestOf(["aaa/layer.tar", "bbb/layer.tar"])],
    ]);
    const archive = await DockerArchive.open(file);
    await validateImage(archive, await archive.resolve(""));
  });

  const bad: readonly (readonly [string, string, readonly Member[]])[] = [
    [
      "a symlink out of the archive",
      "INVALID_ARCHIVE",
      [[{ name: "l.tar", type: "symlink", linkname: "../../etc/hostname" }, ""]],
    ],
    ["an absolute symlink", "INVALID_ARCHIVE", [[{ name: "l.tar", type: "symlink", linkname: "/etc/hostname" }, ""]]],
    [
      "a symlink to a symlink",
      "INVALID_ARCHIVE",
      [
        [{ name: "l.tar", type: "symlink", linkname: "m.tar" }, ""],
        [{ name: "m.tar", type: "symlink", linkname: "l.tar" }, ""],
      ],
    ],
    ["a hardlink", "INVALID_ARCHIVE", [[{ name: "l.tar", type: "link", linkname: "config.json" }, ""]]],
    ["a device", "INVALID_ARCHIVE", [[{ name: "l.tar", type: "character-device", devmajor: 1, devminor: 5 }, ""]]],
    ["a path that climbs", "INVALID_ARCHIVE", [["a/../../l.tar", layer]]],
    ["an absolute path", "INVALID_ARCHIVE", [["/l.tar", layer]]],
    ["a gzip layer of another content", "DIFFID_MISMATCH", [["l.tar", gzipSync(other)]]],
    ["a gzip layer cut short", "INVALID_ARCHIVE", [["l.tar", gzipSync(layer).subarray(0, 30)]]],
    ["a plain layer of another content", "SIZE_MISMATCH DIGEST_MISMATCH", [["l.tar", Buffer.alloc(10240, 1)]]],
    ["no such layer", "INVALID_ARCHIVE", []],
  ];
  test.each(bad)("%s is refused", async (_, codes, members) => {
    await using folder = await temporaryFolder();
    const file = await archiveOf(join(folder.path, "a.tar"), [
      ["config.json", configOf(layer)],
      ["manifest.json", manifestOf(["l.tar"])],
      ...members,
    ]);
    const use = async (): Promise<void> => {
      const archive = await DockerArchive.open(file);
      await validateImage(archive, await archive.resolve(""));
    };
    await expect(use()).rejects.toMatchObject({
      code: expect.toSatisfy((code: string) => codes.split(" ").includes(code)),
    });
  });

  test("a layer that unpacks to more than any image has is refused early", async () => {
    await using folder = await temporaryFolder();
    // 36 KB that are 1.2 GB: one block in eight bytes is as small as zstd gets.
    const bomb = zstdOfZeros(9216);
    const file = await archiveOf(join(folder.path, "a.tar"), [
      ["config.json", configOf(layer)],
      ["l.tar", bomb],
      ["manifest.json", manifestOf(["l.tar"])],
    ]);
    const archive = await DockerArchive.open(file);
    await expect(archive.resolve("")).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
  });

  test("names that are no references are no names", async () => {
    await using folder = await temporaryFolder();
    const file = await archiveOf(join(folder.path, "a.tar"), [
      ["config.json", configOf(layer)],
      ["l.tar", layer],
      ["manifest.json", manifestOf(["l.tar"], ["../../x", "App:1", "ok", "ghcr.io/acme/app:1"])],
    ]);
    const archive = await DockerArchive.open(file);
    expect(archive.names()).toEqual([["docker.io/library/ok:latest", "ghcr.io/acme/app:1"]]);
    await expect(archive.resolve("none:1")).rejects.toThrow("it holds docker.io/library/ok:latest");
  });

  test("layers and diffIDs have to be of one number", async () => {
    await using folder = await temporaryFolder();
    const file = await archiveOf(join(folder.path, "a.tar"), [
      ["config.json", configOf(layer, layer)],
      ["l.tar", layer],
      ["manifest.json", manifestOf(["l.tar"])],
    ]);
    await expect((await DockerArchive.open(file)).resolve("")).rejects.toThrow("1 layers in manifest.json, 2 diffIDs");
  });
});

describe("writing", () => {
  test("an image comes back with its layers, config and names", async () => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, "a.tar");
    const { source, descriptor, images } = await randomImage({ layers: 3 });
    await using sink = await DockerArchiveSink.create(file);
    await copy(source, sink, descriptor);
    await sink.tag(descriptor, "ghcr.io/acme/app:1");
    await sink.tag(descriptor, "app:2");
    expect((await sink.finish()).size).toBe((await readFile(file)).byteLength);

    const archive = await DockerArchive.open(file);
    expect(archive.names()).toEqual([["ghcr.io/acme/app:1", "docker.io/library/app:2"]]);
    const image = await openImage(archive, "app:2");
    expect(image.config).toEqual(images[0]?.config);
    expect(image.manifest.layers).toEqual(images[0]?.manifest.layers);
    await validateImage(archive, image.descriptor);
    const text = (await readFile(file)).toString("latin1");
    expect(text).toContain(`"Config":"${digestHex(image.manifest.config.digest)}.json"`);
  });

  test("several platforms are refused, with the way out", async () => {
    await using folder = await temporaryFolder();
    const { source, descriptor } = await randomImage({ platforms: ["linux/amd64", "linux/arm64"] });
    await using sink = await DockerArchiveSink.create(join(folder.path, "a.tar"));
    await copy(source, sink, descriptor);
    await expect(sink.finish()).rejects.toMatchObject({
      code: "UNSUPPORTED",
      message: expect.stringContaining("linux/amd64, linux/arm64"),
      hint: expect.stringContaining("oci-archive"),
    });
  });

  test("an index of one platform is that image", async () => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, "a.tar");
    const { source, descriptor } = await randomImage({ platforms: ["linux/arm64"] });
    await using sink = await DockerArchiveSink.create(file);
    await copy(source, sink, descriptor);
    await sink.finish();
    const archive = await DockerArchive.open(file);
    await validateImage(archive, await archive.resolve(""));
  });
});
