import { createHash } from "node:crypto";
import { once } from "node:events";
import { createWriteStream, existsSync } from "node:fs";
import {
  appendFile,
  copyFile,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import { Writable } from "node:stream";
import { cases, casesIn, randomImage, schemaErrors, temporaryFolder, validateImage } from "@lading/testkit";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { OciArchive } from "./archive.ts";
import { OciArchiveSink } from "./archive-sink.ts";
import type { Bytes, Source } from "../content.ts";
import { copy } from "../copy.ts";
import type { Descriptor } from "../descriptor.ts";
import { digestHex, digestOf } from "../digest.ts";
import { DockerArchive } from "./docker-archive.ts";
import { DockerArchiveSink } from "./docker-archive-sink.ts";
import { openImage } from "../image.ts";
import { MemoryStore } from "./memory.ts";
import { parsePlatform } from "../platform.ts";
import { readTar } from "../tar/tar-reader.ts";

const platforms = ["linux/amd64", "linux/arm64"];

async function save(
  source: Source,
  root: Descriptor,
  file: string,
  names: readonly string[],
  concurrency = 4,
): Promise<void> {
  await using sink = await OciArchiveSink.create(file);
  await copy(source, sink, root, { concurrency });
  for (const name of names) await sink.tag(root, name);
  const { size } = await sink.finish();
  expect((await stat(file)).size).toBe(size);
}

async function sha256(file: string): Promise<string> {
  return createHash("sha256")
    .update(await readFile(file))
    .digest("hex");
}

async function contents(file: string): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>();
  const folders = new Set(["."]);
  const bytes: Bytes = (async function* read() {
    yield await readFile(file);
  })();
  for await (const entry of readTar(bytes)) {
    expect(folders).toContain(dirname(entry.header.path));
    if (entry.header.type === "directory") {
      expect(entry.header).toMatchObject({ mode: 0o755, uid: 0, gid: 0, mtime: 0 });
      folders.add(entry.header.path);
      continue;
    }
    const parts: Uint8Array[] = [];
    for await (const part of entry.body()) parts.push(part);
    expect(entry.header).toMatchObject({ type: "file", mode: 0o644, uid: 0, gid: 0, mtime: 0 });
    expect(found.has(entry.header.path)).toBe(false);
    found.set(entry.header.path, Buffer.concat(parts));
  }
  return found;
}

const path = (descriptor: Descriptor): string => `blobs/sha256/${digestHex(descriptor.digest)}`;

const jsonOf = (members: Map<string, Buffer>, name: string): unknown =>
  JSON.parse(members.get(name)?.toString() ?? "null");

test("one tar is an OCI layout and a docker-archive, with all names in both", async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, "app.tar");
  const image = await randomImage({ layers: 2, platforms });
  await save(image.source, image.descriptor, file, ["ghcr.io/acme/app:1", "ghcr.io/acme/app:latest", "busybox:1"]);

  const members = await contents(file);
  const index = jsonOf(members, "index.json");
  expect(schemaErrors("index", index) ?? "").toBe("");
  expect(schemaErrors("layout", jsonOf(members, "oci-layout")) ?? "").toBe("");
  const entry = (full: string, tag: string): object => ({
    ...image.descriptor,
    annotations: { "io.containerd.image.name": full, "org.opencontainers.image.ref.name": tag },
  });
  expect(index).toMatchObject({
    manifests: [
      entry("ghcr.io/acme/app:1", "1"),
      entry("ghcr.io/acme/app:latest", "latest"),
      entry("docker.io/library/busybox:1", "1"),
    ],
  });

  const { manifest } = image.images[0] ?? expect.fail("no image");
  expect(jsonOf(members, "manifest.json")).toEqual([
    {
      Config: path(manifest.config),
      RepoTags: ["ghcr.io/acme/app:1", "ghcr.io/acme/app:latest", "docker.io/library/busybox:1"],
      Layers: manifest.layers.map(path),
    },
  ]);

  const oci = await OciArchive.open(file);
  await validateImage(oci, await oci.resolve("ghcr.io/acme/app:1"));
  const docker = await DockerArchive.open(file);
  const read = await openImage(docker, "busybox:1");
  expect(read.manifest.config.digest).toBe(manifest.config.digest);
  await validateImage(docker, read.descriptor);
});

test("the bytes of an archive depend on the content alone", async () => {
  await using folder = await temporaryFolder();
  const image = await randomImage({ layers: 5, platforms, size: 20_000 });
  const digests = new Set<string>();
  for (const concurrency of [1, 2, 8]) {
    const file = join(folder.path, `${concurrency}.tar`);
    await save(image.source, image.descriptor, file, ["a:1", "b:2"], concurrency);
    digests.add(await sha256(file));
  }
  expect(digests.size).toBe(1);
});

test("manifest.json names the first image, on every machine, or the one that was asked for", async () => {
  await using folder = await temporaryFolder();
  const image = await randomImage({ platforms: ["linux/s390x", "linux/amd64", "linux/arm64"] });
  const wanted = [undefined, "linux/arm64", "linux/amd64", "linux/riscv64"];
  const chosen: unknown[] = [];
  for (const [i, platform] of wanted.entries()) {
    const file = join(folder.path, `${i}.tar`);
    const options = platform === undefined ? {} : { platform: parsePlatform(platform) };
    await using sink = await OciArchiveSink.create(file, options);
    await copy(image.source, sink, image.descriptor);
    await sink.finish();
    chosen.push(jsonOf(await contents(file), "manifest.json"));
  }
  const [first, second, third] = image.images.map(({ manifest }) => [{ Config: path(manifest.config) }]);
  expect(chosen).toMatchObject([first, third, second, first]);
});

test("an image without a name is listed without one", async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, "app.tar");
  const image = await randomImage();
  await save(image.source, image.descriptor, file, []);
  const members = await contents(file);
  expect(jsonOf(members, "index.json")).toMatchObject({ manifests: [image.descriptor] });
  expect(jsonOf(members, "manifest.json")).toMatchObject([{ RepoTags: [] }]);
  const archive = await OciArchive.open(file);
  await validateImage(archive, await archive.resolve(""));
});

test("several images live in one archive, each with its names", async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, "two.tar");
  const images = [await randomImage(), await randomImage()];
  await using sink = await OciArchiveSink.create(file);
  for (const [i, image] of images.entries()) {
    await copy(image.source, sink, image.descriptor);
    await sink.tag(image.descriptor, `app${i}:1`);
  }
  await sink.finish();
  for (const archive of [await OciArchive.open(file), await DockerArchive.open(file)]) {
    await expect(archive.resolve("")).rejects.toMatchObject({ code: "AMBIGUOUS" });
    for (const [i, image] of images.entries()) {
      const opened = await openImage(archive, `app${i}:1`);
      expect(opened.config).toEqual(image.images[0]?.config);
      expect((await openImage(archive, `@${i}`)).descriptor).toEqual(opened.descriptor);
    }
  }
});

async function* tooShort(): AsyncGenerator<Uint8Array> {
  yield Buffer.alloc(2_000_000);
}

test("an archive that cannot be finished leaves nothing, not even the old one's loss", async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, "app.tar");
  await writeFile(file, "the old one");
  const image = await randomImage({ layers: 2, size: 3_000_000 });
  const [layer] = image.images[0]?.layers ?? [];

  await using bad = await OciArchiveSink.create(file);
  await copy(image.source, bad, image.descriptor, { select: (child) => child.digest !== layer?.descriptor.digest });
  await expect(bad.finish()).rejects.toThrow("was not pushed");

  await using lying = await OciArchiveSink.create(file);
  await copy(image.source, lying, image.descriptor, { select: (child) => child.digest !== layer?.descriptor.digest });
  await lying.push({
    descriptor: layer?.descriptor ?? image.descriptor,
    open: () => tooShort(),
  });
  await expect(lying.finish()).rejects.toMatchObject({ code: "SIZE_MISMATCH" });

  await using aborted = await OciArchiveSink.create(file);
  await copy(image.source, aborted, image.descriptor);
  const abort = new AbortController();
  abort.abort(new Error("interrupted"));
  await expect(aborted.finish({ signal: abort.signal })).rejects.toThrow("interrupted");

  expect(await readdir(folder.path)).toEqual(["app.tar"]);
  expect(await readFile(file, "utf8")).toBe("the old one");
});

test("an output that is a symlink is replaced, and what it leads to is left alone", async () => {
  await using folder = await temporaryFolder();
  const [file, target] = [join(folder.path, "app.tar"), join(folder.path, "precious")];
  await writeFile(target, "precious");
  await symlink(target, file);
  const image = await randomImage();
  await save(image.source, image.descriptor, file, []);
  expect(await readFile(target, "utf8")).toBe("precious");
  expect((await lstat(file)).isFile()).toBe(true);
  await expect(readlink(file)).rejects.toThrow();
});

test("an archive goes to a stream as it goes to a file", async () => {
  await using folder = await temporaryFolder();
  const [file, streamed] = [join(folder.path, "app.tar"), join(folder.path, "streamed.tar")];
  const image = await randomImage({ layers: 3, size: 500_000 });
  await save(image.source, image.descriptor, file, ["a:1"]);
  const stream = createWriteStream(streamed);
  await using sink = await OciArchiveSink.create(stream);
  await copy(image.source, sink, image.descriptor);
  await sink.tag(image.descriptor, "a:1");
  const { size } = await sink.finish();
  await new Promise<void>((resolve) => stream.end(resolve));
  expect(size).toBe((await stat(streamed)).size);
  expect(await sha256(streamed)).toBe(await sha256(file));
});

test("a stream that closes early is an error", async () => {
  const image = await randomImage({ layers: 2, size: 2_000_000 });
  const stream = new Writable({ write: (_chunk, _encoding, done) => done(new Error("EPIPE")) });
  await using sink = await OciArchiveSink.create(stream);
  await copy(image.source, sink, image.descriptor);
  await expect(sink.finish()).rejects.toThrow("EPIPE");
});

test("a stream that fails after the last write is an error", async () => {
  const image = await randomImage();
  const finish = async (stream: Writable): Promise<void> => {
    await using sink = await OciArchiveSink.create(stream);
    await copy(image.source, sink, image.descriptor);
    await sink.finish();
  };
  let writes = 0;
  await finish(
    new Writable({
      write(_chunk, _encoding, done) {
        writes += 1;
        done();
      },
    }),
  );
  const failing = new Writable({
    highWaterMark: 1 << 30,
    write(_chunk, _encoding, done) {
      writes -= 1;
      setTimeout(done, 1, writes > 0 ? null : new Error("EPIPE at the end"));
    },
  });
  await expect(finish(failing)).rejects.toThrow("EPIPE at the end");
});

test("a stream that is closed is an error and not a wait", async () => {
  const image = await randomImage();
  const stream = new Writable({ write: () => void setImmediate(() => stream.destroy()) });
  await using sink = await OciArchiveSink.create(stream);
  await copy(image.source, sink, image.descriptor);
  await expect(sink.finish()).rejects.toThrow("Premature close");
});

test("a stream that is closed while the next blob is read is an error and not a wait", async () => {
  const bytes = Buffer.alloc(1000);
  const descriptor = { mediaType: "application/octet-stream", digest: digestOf(bytes), size: bytes.byteLength };
  const stream = new Writable({ write: (_chunk, _encoding, done) => setImmediate(done) });
  await using sink = await OciArchiveSink.create(stream);
  const open = async function* read(): Bytes {
    stream.destroy();
    await once(stream, "close");
    yield bytes;
  };
  await sink.push({ descriptor, open });
  await expect(sink.finish()).rejects.toThrow("Premature close");
});

test("an abort ends the wait for a stream that nobody reads", async () => {
  const image = await randomImage({ size: 1_000_000 });
  const abort = new AbortController();
  const stream = new Writable({ write: () => void setImmediate(() => abort.abort(new Error("interrupted"))) });
  await using sink = await OciArchiveSink.create(stream);
  await copy(image.source, sink, image.descriptor);
  await expect(sink.finish({ signal: abort.signal })).rejects.toThrow("interrupted");
  expect(stream.destroyed).toBe(false);
});

test("a name as long as names can be", async () => {
  await using folder = await temporaryFolder();
  const image = await randomImage();
  const file = join(folder.path, `${"n".repeat(251)}.tar`);
  await save(image.source, image.descriptor, file, []);
  expect(await readdir(folder.path)).toHaveLength(1);
});

test.runIf(existsSync("/dev/shm"))("a file in /dev/shm is one, and appears whole or not at all", async () => {
  const folder = await mkdtemp("/dev/shm/lading-test-");
  try {
    const file = join(folder, "app.tar");
    await writeFile(file, "the old one");
    const image = await randomImage();
    const octets = { ...image.descriptor, mediaType: "application/octet-stream" };
    await using lying = await OciArchiveSink.create(file);
    await lying.push({ descriptor: octets, open: () => tooShort() });
    await expect(lying.finish()).rejects.toMatchObject({ code: "SIZE_MISMATCH" });
    expect(await readFile(file, "utf8")).toBe("the old one");
    expect(await readdir(folder)).toEqual(["app.tar"]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("a folder that is not there is an error before any work", async () => {
  await using folder = await temporaryFolder();
  await expect(OciArchiveSink.create(join(folder.path, "none", "app.tar"))).rejects.toMatchObject({
    code: "NOT_FOUND",
  });
  await mkdir(join(folder.path, "app.tar"));
  await expect(OciArchiveSink.create(join(folder.path, "app.tar"))).rejects.toThrow("it is a folder");
});

describe("a damaged archive", () => {
  const damages: readonly (readonly [string, string, (file: string) => Promise<void>])[] = [
    ["cut within a blob", "INVALID_ARCHIVE", async (file) => truncate(file, (await stat(file)).size - 3000)],
    ["cut within a header", "INVALID_ARCHIVE", (file) => truncate(file, 100)],
    ["empty", "INVALID_ARCHIVE", (file) => truncate(file, 0)],
    [
      "compressed as a whole",
      "UNSUPPORTED",
      (file) => writeFile(file, Buffer.from("1f8b0800".padEnd(2048, "0"), "hex")),
    ],
    ["no tar at all", "INVALID_ARCHIVE", (file) => writeFile(file, "a text\n".repeat(200))],
    [
      "a header with a wrong checksum",
      "INVALID_ARCHIVE",
      async (file) => {
        const bytes = await readFile(file);
        bytes[0] = 0x78;
        await writeFile(file, bytes);
      },
    ],
    [
      "everything twice",
      "INVALID_ARCHIVE",
      async (file) => {
        const bytes = await readFile(file);
        await writeFile(file, Buffer.concat([bytes.subarray(0, bytes.length - 1024), bytes]));
      },
    ],
  ];
  test.each(damages)("%s is %s", async (_, code, damage) => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, "app.tar");
    const image = await randomImage();
    await save(image.source, image.descriptor, file, []);
    await damage(file);
    await expect(OciArchive.open(file)).rejects.toMatchObject({ code });
    await expect(OciArchive.open(file)).rejects.toThrow(file);
  });

  test("what follows the end is nobody's", async () => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, "app.tar");
    const image = await randomImage();
    await save(image.source, image.descriptor, file, []);
    await appendFile(file, await readFile(file));
    const archive = await OciArchive.open(file);
    await validateImage(archive, await archive.resolve(""));
  });

  test("the other kind of archive is named in the hint", async () => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, "app.tar");
    const image = await randomImage();
    await using sink = await DockerArchiveSink.create(file);
    await copy(image.source, sink, image.descriptor);
    await sink.finish();
    await expect(OciArchive.open(file)).rejects.toMatchObject({ hint: expect.stringContaining("docker-archive:") });
  });

  test("a file that is not there is NOT_FOUND", async () => {
    await expect(OciArchive.open("/nowhere/app.tar")).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(DockerArchive.open("/nowhere/app.tar")).rejects.toMatchObject({ code: "NOT_FOUND" });
  });
});

/** Everything that a build does with a base: copies it and reads it to the last byte. */
async function use(kind: string, file: string, name = ""): Promise<void> {
  const archive = kind === "docker-archive" ? await DockerArchive.open(file) : await OciArchive.open(file);
  const root = await archive.resolve(name);
  const store = new MemoryStore();
  await copy(archive, store, root);
  await validateImage(store, root);
}

describe.runIf(cases !== undefined)("hostile archives", () => {
  const all = casesIn(
    "hostile/archive-cases.json",
    z.object({
      id: z.string(),
      kind: z.enum(["docker-archive", "oci-archive"]),
      file: z.string(),
      title: z.string(),
      expect: z.string(),
    }),
  );

  // What a runner has to see to is no fault of the archive.
  const fine = new Set([
    "D10-bad-tag",
    "O11-data-mismatch",
    "O12-title-traversal",
    "O18-config-env-no-equals",
    "O19-config-proto-keys",
    "O22-config-labels-runtime",
    "Z06-label-tar-body-gzip",
  ]);
  const accepted = all.filter((one) => one.expect.startsWith("accept") || fine.has(one.id));
  const refused = all.filter((one) => !accepted.includes(one));

  test.each(accepted)("$id is read: $title", async ({ kind, file }) => {
    await use(kind, cases?.path(`hostile/${file}`) ?? "");
  });

  test.each(refused)("$id is refused: $title", async ({ kind, file }) => {
    await expect(use(kind, cases?.path(`hostile/${file}`) ?? "")).rejects.toMatchObject({
      code: expect.stringMatching(/MISMATCH|INVALID|LIMIT|AMBIGUOUS|NOT_FOUND|COPY_FAILED/),
    });
  });

  test("D14: each of two images is to be had by position", async () => {
    const file = cases?.path("hostile/archives/D14-two-images.tar") ?? "";
    await use("docker-archive", file, "@0");
    await use("docker-archive", file, "@1");
    await expect(use("docker-archive", file, "@2")).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test("D10: what is no reference is no name", async () => {
    const archive = await DockerArchive.open(cases?.path("hostile/archives/D10-bad-tag.tar") ?? "");
    expect(archive.names()).toEqual([[]]);
  });

  test("O19: a label called __proto__ pollutes nothing", async () => {
    const archive = await OciArchive.open(cases?.path("hostile/archives/O19-config-proto-keys.tar") ?? "");
    const image = await openImage(archive, "");
    expect(JSON.stringify(image.config.config?.Labels)).toBe('{"__proto__":"polluted","constructor":"y"}');
    expect(Object.getPrototypeOf({})).toBe(Object.prototype);
  });
});

test("a copy of an archive file is the same source", async () => {
  await using folder = await temporaryFolder();
  const [file, other] = [join(folder.path, "a.tar"), join(folder.path, "b.tar")];
  const image = await randomImage({ layers: 2 });
  await save(image.source, image.descriptor, file, ["a:1"]);
  await copyFile(file, other);
  const [a, b] = [await DockerArchive.open(file), await DockerArchive.open(other)];
  expect(await a.resolve("a:1")).toEqual(await b.resolve(""));
});
