import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { basename, join } from "node:path";
import { constants, gzipSync, zstdCompressSync } from "node:zlib";
import { cases, casesIn } from "@lading/testkit";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { attempt, expectBuildRefused, expectRefusal, peakMemory, small, type Workspace } from "./attempt.ts";
import { member, tarOf } from "./tar.ts";

const caseSchema = z.object({
  id: z.string(),
  kind: z.enum(["oci-archive", "docker-archive"]),
  file: z.string(),
  expect: z.string(),
});
const hostile = casesIn("hostile/archive-cases.json", caseSchema);
/** Of the cases that may go either way, those that this project takes: what is doubtful in them is never used. */
const taken = new Set([
  "D10-bad-tag",
  "O11-data-mismatch",
  "O12-title-traversal",
  "O18-config-env-no-equals",
  "Z06-label-tar-body-gzip",
]);
const refused = hostile.filter(({ id, expect: expected }) => /reject|selection/.test(expected) && !taken.has(id));
/** Theirs is to be judged by who runs an image. */
const built = hostile.filter((each) => !refused.includes(each));

const path = (file: string): string => cases?.path(`hostile/${file}`) ?? "";

describe.runIf(cases !== undefined)("a base that somebody made to harm", () => {
  test.concurrent.each(refused)("$id is refused, and the file is named", async ({ kind, file }) => {
    await using place = await small();
    await expectBuildRefused(place, ["--from", `${kind}:${path(file)}`, "--add", "src:/x"], { says: basename(file) });
  });

  test.concurrent.each(built)("$id is built on", async ({ kind, file }) => {
    await using place = await small();
    const args = ["build", "--from", `${kind}:${path(file)}`, "--add", "src:/x", "-o", "oci-archive:out.tar", "-q"];
    expect(await attempt(place, args)).toMatchObject({ status: 0, stderr: "" });
  });

  test("a damaged base is refused by name even when its layers are known from another", async () => {
    await using place = await small();
    const good = `docker-archive:${path("archives/D00-docker-ok.tar")}`;
    expect((await attempt(place, ["build", "--from", good, "--add", "src:/x", "-o", "oci:good"])).status).toBe(0);
    const bad = `oci-archive:${path("archives/O06-blob-tampered.tar")}`;
    await expectBuildRefused(place, ["--from", bad, "--add", "src:/x"], { says: "O06-blob-tampered.tar" });
  });
});

interface Blob {
  readonly digest: string;
  readonly size: number;
}

/** Writes a layout by hand, so that every part of it may be wrong. */
function writeLayout(
  place: Workspace,
  layer: Uint8Array,
  change: {
    readonly suffix?: string;
    readonly diffId?: string;
    readonly layer?: object;
    readonly config?: object;
    readonly manifest?: object;
    readonly text?: (manifest: string) => string;
    readonly index?: (text: string) => string;
  } = {},
): Blob {
  const folder = join(place.path, "base");
  mkdirSync(join(folder, "blobs/sha256"), { recursive: true });
  const put = (bytes: Uint8Array | string): Blob => {
    const hex = createHash("sha256").update(bytes).digest("hex");
    writeFileSync(join(folder, "blobs/sha256", hex), bytes);
    return { digest: `sha256:${hex}`, size: Buffer.byteLength(bytes) };
  };
  const blob = put(layer);
  const diffId = change.diffId ?? blob.digest;
  const config = put(
    JSON.stringify({
      architecture: "amd64",
      os: "linux",
      rootfs: { type: "layers", diff_ids: [diffId] },
      ...change.config,
    }),
  );
  const type = "application/vnd.oci.image";
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: `${type}.manifest.v1+json`,
    config: { mediaType: `${type}.config.v1+json`, ...config },
    layers: [{ mediaType: `${type}.layer.v1.tar${change.suffix ?? ""}`, ...blob, ...change.layer }],
    ...change.manifest,
  });
  const root = { mediaType: `${type}.manifest.v1+json`, ...put(change.text?.(manifest) ?? manifest) };
  const index = JSON.stringify({ schemaVersion: 2, manifests: [root] });
  writeFileSync(join(folder, "index.json"), change.index?.(index) ?? index);
  writeFileSync(join(folder, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  return blob;
}

const tar = tarOf(member({ name: "f", content: "f" }));
const zeros = `sha256:${"0".repeat(64)}`;
const deep = (levels: number): string => `${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`;

test.concurrent.each<readonly [string, Parameters<typeof writeLayout>[2], string | readonly string[]]>([
  ["a size too small", { layer: { size: 10 } }, "10 bytes"],
  ["a size too large", { layer: { size: 100_000 } }, "of 100000 bytes"],
  ["a size that is no number", { layer: { size: "10" } }, "layers[0].size"],
  ["a size below zero", { layer: { size: -1 } }, "layers[0].size"],
  ["a size beyond 2^53", { layer: { size: 2 ** 60 } }, "layers[0].size"],
  ["a wrong diffID", { diffId: zeros }, `expected diffID ${zeros}`],
  ["a media type nobody knows", { layer: { mediaType: "text/html" } }, "text/html"],
  ["a manifest over 4 MiB", { manifest: { annotations: { a: "x".repeat(5_000_000) } } }, "more than 4194304"],
  ["a config over 4 MiB", { config: { config: { Labels: { a: "x".repeat(5_000_000) } } } }, "more than 4194304"],
  ["a key twice", { text: (text) => text.replace("{", '{"schemaVersion":2,') }, 'duplicate key "schemaVersion"'],
  ["JSON without a bottom", { text: (text) => text.replace("{", `{"x":${deep(50_000)},`) }, "levels deep"],
  ["a manifest that is a list", { text: () => "[]" }, "base"],
  ["a manifest with a prototype", { text: () => '{"__proto__":{"layers":[]}}' }, "base"],
  ["a broken index", { index: () => '{"schemaVersion":2,' }, "index.json"],
  ["an index that names nothing", { index: () => '{"schemaVersion":2,"manifests":[]}' }, "base"],
  ["a huge index", { index: (text) => text + " ".repeat(5_000_000) }, "index.json"],
  ["a digest that climbs", { index: (text) => text.replace(/sha256:/, "../../sha256:") }, "index.json"],
  ["a path for a platform", { config: { os: "../../x" } }, "base"],
])("a base with %s is refused", async (_, change, says) => {
  await using place = await small();
  writeLayout(place, tar, change);
  await expectBuildRefused(place, ["--from", "oci:base", "--platform", "linux/amd64", "--add", "src:/x"], {
    says: ["base", says].flat(),
  });
});

test("blobs that are other bytes, links, folders, FIFOs or missing are no blobs", async () => {
  await using place = await small();
  const { digest } = writeLayout(place, tar);
  const path = join(place.path, "base/blobs/sha256", digest.slice(7));
  const refuse = (): Promise<void> =>
    expectBuildRefused(place, ["--from", "oci:base", "--add", "src:/x"], { says: ["base"] });
  writeFileSync(path, Buffer.alloc(tar.length));
  await refuse();
  rmSync(path);
  await refuse();
  mkdirSync(path);
  await refuse();
  rmSync(path, { recursive: true });
  symlinkSync("/etc/passwd", path);
  await refuse();
  rmSync(path);
  execFileSync("mkfifo", [path]);
  await refuse();
});

test.concurrent.each(["oci-archive", "docker-archive"])("%s cut off anywhere is refused, or is whole", async (kind) => {
  await using place = await small();
  expect((await attempt(place, ["build", "--add", "src:/x", "-t", "base:1", "-o", `${kind}:base.tar`])).status).toBe(0);
  const whole = readFileSync(join(place.path, "base.tar"));
  const args = ["--from", `${kind}:base.tar`, "--add", "src:/y"];
  for (const length of [0, 1, 511, 512, 700, 1024, 2000, whole.length - 2500, whole.length - 2048]) {
    writeFileSync(join(place.path, "base.tar"), whole.subarray(0, length));
    await expectBuildRefused(place, args, { says: "base.tar" });
  }
});

test.concurrent.each(["oci-archive", "docker-archive"])("a file that is no %s at all is refused", async (kind) => {
  await using place = await small({ "text.tar": "hello", "folder/x": "" });
  writeFileSync(join(place.path, "other.tar"), tar);
  for (const [name, says] of [
    ["text.tar", "text.tar"],
    ["other.tar", "other.tar"],
    ["folder", "folder"],
    ["gone.tar", "Cannot find gone.tar"],
  ] as const)
    await expectBuildRefused(place, ["--from", `${kind}:${name}`, "--add", "src:/x"], { says });
});

// The same that extracting a small layer takes, and some room: what counts is that it does not grow with the bomb.
const memory = 350 * 2 ** 20;

test("a bomb in a base is refused in little memory", async () => {
  const nothing = Buffer.alloc(1200 * 2 ** 20);
  const params = { [constants.ZSTD_c_compressionLevel]: 1 };
  for (const [suffix, bytes] of [
    ["+gzip", gzipSync(nothing, { level: 1 })],
    ["+zstd", zstdCompressSync(nothing, { params })],
  ] as const) {
    await using place = await small();
    writeLayout(place, bytes, { suffix, diffId: zeros });
    const args = ["build", "--from", "oci:base", "--add", "src:/x", "-o", "oci-archive:out.tar"];
    const outcome = await peakMemory(place, args);
    expectRefusal(outcome, { says: "base" });
    expect(outcome.peak).toBeLessThan(memory);
    expect(await place.names()).toEqual(["base", "src"]);
  }
});

test("bytes after the end of a base's layer are no files, and a second compression is told", async () => {
  await using place = await small();
  writeLayout(place, Buffer.concat([tar, tarOf(member({ name: "hidden", content: "h" }))]));
  expect((await attempt(place, ["build", "--from", "oci:base", "--add", "src:/x", "-o", "oci:out"])).status).toBe(0);
  expect((await attempt(place, ["export", "oci:out", "files"])).status).toBe(0);
  expect(await place.names("files")).toEqual(["f", "x"]);

  const inner = gzipSync(tar);
  const diffId = `sha256:${createHash("sha256").update(inner).digest("hex")}`;
  writeLayout(place, gzipSync(inner), { suffix: "+gzip", diffId });
  await expectBuildRefused(place, ["--from", "oci:base", "--add", "src:/x"], {
    says: "holds gzip again instead of a tar",
  });
});
