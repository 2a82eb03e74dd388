import { existsSync } from "node:fs";
import { utimes } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import * as z from "zod";
import { isStrict, run } from "../interop/command.ts";
import { temporaryFolder } from "@lading/testkit";
import { writeFiles } from "../interop/lading.ts";

const command = fileURLToPath(new URL("../../packages/cli/bin/lading.js", import.meta.url));
const nodes = [nodeAt("22"), process.execPath, nodeAt("26")].filter((node) => node !== undefined);
const three = nodes.length === 3;
if (isStrict && !three) throw new Error("Cannot find the other lines of Node: install with pnpm");

const reportSchema = z.object({
  imageDigest: z.string(),
  images: z.array(z.object({ layers: z.array(z.object({ digest: z.string(), diffId: z.string() })) })),
});

let folder: Awaited<ReturnType<typeof temporaryFolder>>;

beforeAll(async () => {
  folder = await temporaryFolder();
  // Text that compresses, text that hardly does, and more of both than one compressed chunk holds.
  const words = Array.from({ length: 400_000 }, (_, index) => `${index} ${Math.imul(index, 2_654_435_761) >>> 0}`);
  await writeFiles(folder.path, {
    "app/words": words.join("\n"),
    "app/blanks": " ".repeat(3_000_000),
    "app/deep/er/file": "content",
    "lading.yaml": `
name: localhost/app:1
platforms: [linux/amd64, linux/arm64]
layers: [{ name: app, add: [{ src: app, dest: /app }] }]
`,
  });
});

afterAll(() => folder[Symbol.asyncDispose]());

test.runIf(three).each(["gzip", "gzip:9", "none"])(
  "two builds on Node 22, 24 and 26 agree on every digest with %s",
  async (compression) => {
    const reports = [];
    for (const node of nodes) reports.push(await build(node, compression), await build(node, compression));
    expect(new Set(reports.map((report) => JSON.stringify(report))).size).toBe(1);
  },
);

test.runIf(three)("builds on Node 22, 24 and 26 agree on every diffID with zstd", async () => {
  const reports = [];
  for (const node of nodes) reports.push(await build(node, "zstd"));
  const plain = await build(process.execPath, "none");
  for (const report of reports) expect(diffIds(report)).toEqual(diffIds(plain));
});

test("clock, umask, locale, time zone and times of files leave no trace", async () => {
  const plain = await build(process.execPath, "gzip");
  await utimes(join(folder.path, "app/deep/er/file"), 1_000_000_000, 1_000_000_000);
  const strange = { TZ: "Pacific/Chatham", LANG: "tr_TR.UTF-8", LC_ALL: "tr_TR.UTF-8", HOME: folder.path };
  expect(await build(process.execPath, "gzip", strange, "umask 077 && ")).toEqual(plain);
});

/** What a build from nothing reports; only what it promises to be the same. */
async function build(
  node: string,
  compression: string,
  env: Readonly<Record<string, string>> = {},
  before = "",
): Promise<z.output<typeof reportSchema>> {
  await using work = await temporaryFolder();
  const places = ["--cache-dir", join(work.path, "cache"), "--output", `oci-archive:${join(work.path, "app.tar")}`];
  const report = ["build", folder.path, "--json", "--compression", compression, ...places];
  const stdout = await run("sh", ["-c", `${before}exec "$@"`, "sh", node, command, ...report], { env });
  return reportSchema.parse(JSON.parse(stdout));
}

function diffIds({ images }: z.output<typeof reportSchema>): readonly string[] {
  return images.flatMap(({ layers }) => layers.map(({ diffId }) => diffId));
}

/** The program in the package that pins another release line of Node; there is none for every platform. */
function nodeAt(major: string): string | undefined {
  const name = `node-${major}-${process.platform}-${process.arch}`;
  const path = fileURLToPath(new URL(`../node_modules/${name}/bin/node`, import.meta.url));
  return existsSync(path) ? path : undefined;
}
