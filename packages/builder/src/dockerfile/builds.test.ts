import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import {
  digestOf,
  encodeTarHeader,
  MemoryStore,
  mediaTypes,
  openImage,
  readFiles,
  readTree,
  tarTrailerSize,
  writeImage,
} from "@lading/oci";
import { cases, casesIn, temporaryFolder } from "@lading/testkit";
import { expect, test } from "vitest";
import * as z from "zod";
import { build } from "../build.ts";
import type { LocatedBase } from "../result.ts";
import { DockerfileError } from "./dockerfile-error.ts";
import { parseDockerfile } from "./parse-dockerfile.ts";

/*
 * Builds of buildah's conformance suite, with the config and the files that another builder makes of them.
 */

const tarEntry = z.object({
  name: z.string(),
  type: z.enum(["file", "dir"]).transform((type) => (type === "dir" ? "directory" : type)),
  content: z.string().optional(),
  mode: z.string(),
  uid: z.number(),
  gid: z.number(),
  mtime: z.number(),
  xattrs: z.record(z.string(), z.string()).optional(),
});
const tweak = z.discriminatedUnion("op", [
  z.object({ op: z.literal("file"), path: z.string(), content: z.string(), mode: z.string().optional() }),
  z.object({ op: z.literal("dir"), path: z.string(), mode: z.string().optional() }),
  z.object({ op: z.literal("tar"), path: z.string(), entries: z.array(tarEntry) }),
]);
const golden = z.object({
  mode: z.string().optional(),
  uid: z.number(),
  gid: z.number(),
  type: z.string(),
  size: z.number().optional(),
  sha256: z.string().optional(),
  target: z.string().optional(),
  xattrs: z.record(z.string(), z.string()).optional(),
  mtime: z.unknown(),
});
const builds = casesIn(
  "dockerfile/builds.json",
  z.object({
    case: z.object({
      name: z.string(),
      contextDir: z.string().optional(),
      dockerfile: z.string().optional(),
      dockerfileContents: z.string().optional(),
      contextTweaks: z.array(tweak).optional(),
      shouldFailAt: z.number().optional(),
      fsSkip: z.array(z.string()).optional(),
    }),
    golden: z.object({
      index: z.number(),
      expect: z.enum(["ok", "fail"]),
      config: z.record(z.string(), z.unknown()).optional(),
      base: z.string().optional(),
      tree: z.record(z.string(), golden).optional(),
      treeOverBase: z.record(z.string(), golden).optional(),
    }),
  }),
);

// What is other here, and why: docs/decisions/0016-dockerfiles.md.
const others: ReadonlyMap<number, string> = new Map([
  [49, "xattrs of files on disk are not read"],
  [106, "an exception of the ignore file reaches below what is excluded, wherever its wildcards stand"],
  [108, "as 106"],
  [153, "buildah leaves a folder of its own work in the image"],
  [154, "as 106"],
  [159, "a symlink to a folder is followed, and not replaced by the folder that is copied on it"],
  [161, "a folder is not replaced by a symlink"],
]);

// The time that the suite gives everything in a context.
const contextTime = 1_485_449_953;

test.runIf(cases !== undefined)("what is left out are cases of the suite", () => {
  const known = new Set(builds.map(({ golden: { index } }) => index));
  expect([...others.keys()].filter((index) => !known.has(index))).toEqual([]);
});

test.each(builds.filter(({ golden: { index } }) => !others.has(index)))(
  "$case.name",
  async ({ case: given, golden: expected }) => {
    await using folder = await temporaryFolder();
    const context = join(folder.path, "context");
    mkdirSync(context);
    if (given.contextDir !== undefined) checkOut(testdata(given.contextDir), context);
    for (const one of given.contextTweaks ?? []) applyTweak(context, one);
    const name = given.dockerfile ?? "Dockerfile";
    if (given.dockerfileContents !== undefined) writeFileSync(join(context, "Dockerfile"), given.dockerfileContents);
    else if (!existsSync(join(context, name))) checkOut(testdata(name), join(context, name));
    setTimes(context);

    const file = parseDockerfile(readFileSync(join(context, name), "utf8"), name);
    const building = build({
      spec: { platforms: ["linux/amd64"] },
      dockerfile: { file },
      context,
      cacheDir: join(folder.path, "cache"),
      locate: async (place) => standIn(place),
    });

    if (expected.expect === "fail") {
      const error: unknown = await building.catch((cause: unknown) => cause);
      expect(error).toBeInstanceOf(DockerfileError);
      const lines = error instanceof DockerfileError ? error.issues.map((issue) => issue.location?.line) : [];
      expect(lines).toEqual([given.shouldFailAt]);
      return;
    }
    const result = await building;
    const image = await openImage(result.source, result.descriptor);
    const { WorkingDir: _, ...container } = image.config.config ?? {};
    const { WorkingDir: __, ...wanted } = expected.config ?? {};
    expect(container).toEqual(wanted);
    expect(await filesOf(image, given.fsSkip ?? [])).toEqual(wantedFiles(expected.tree ?? expected.treeOverBase ?? {}));
  },
);

function testdata(path: string): string {
  if (cases === undefined) throw new Error("The cases are not here");
  return cases.path(`dockerfile/testdata/${path}`);
}

/** A copy with the modes that Git gives. */
function checkOut(from: string, to: string): void {
  cpSync(from, to, { recursive: true, verbatimSymlinks: true });
  const entries = lstatSync(to).isDirectory() ? readdirSync(to, { withFileTypes: true, recursive: true }) : [];
  for (const path of [to, ...entries.map((entry) => join(entry.parentPath, entry.name))]) {
    const stat = lstatSync(path);
    chmodSync(path, stat.isDirectory() || (stat.mode & 0o111) !== 0 ? 0o755 : 0o644);
    const text = stat.isFile() ? readFileSync(path, "latin1") : "";
    // Git keeps symlinks as files that say where they lead, and so do the cases.
    if (!/^(?:\.\.\/.*|directory)$/.test(text) || text.endsWith("\n")) continue;
    rmSync(path);
    symlinkSync(text, path);
  }
}

function applyTweak(context: string, one: z.output<typeof tweak>): void {
  const path = join(context, one.path);
  mkdirSync(dirname(path), { recursive: true });
  if (one.op === "dir") mkdirSync(path, { recursive: true });
  else if (one.op === "file") writeFileSync(path, one.content);
  else {
    const parts = one.entries.flatMap(({ name, content = "", mode, xattrs = {}, ...entry }) => {
      const body = Buffer.from(content);
      const header = encodeTarHeader({
        ...entry,
        path: name,
        mode: Number.parseInt(mode, 8),
        size: body.length,
        xattrs: new Map(Object.entries(xattrs).map(([key, value]) => [key, Buffer.from(value)])),
      });
      return [header, body, Buffer.alloc((512 - (body.length % 512)) % 512)];
    });
    writeFileSync(path, Buffer.concat([...parts, Buffer.alloc(tarTrailerSize)]));
  }
  if (one.op !== "tar" && one.mode !== undefined) chmodSync(path, Number.parseInt(one.mode, 8));
}

function setTimes(path: string): void {
  for (const entry of readdirSync(path, { withFileTypes: true, recursive: true }))
    lutimesSync(join(entry.parentPath, entry.name), contextTime, contextTime);
  lutimesSync(path, contextTime, contextTime);
}

/** An image with the config that the suite's base has, and none of its files: none of them is looked at. */
async function standIn(place: string): Promise<LocatedBase> {
  const source = new MemoryStore();
  const empty = Buffer.alloc(1024);
  const descriptor = await source.write(bytesOf(empty), mediaTypes.ociLayer);
  const layer = { ...source.blob(descriptor), diffId: digestOf(empty) };
  const config = {
    os: "linux",
    architecture: "amd64",
    config: {
      Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
      Cmd: [place.includes("busybox") ? "sh" : "/bin/sh"],
    },
  };
  return { source, descriptor: (await writeImage(source, { config, layers: [layer] })).descriptor };
}

async function* bytesOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

type Files = Record<string, unknown>;

async function filesOf(image: Awaited<ReturnType<typeof openImage>>, skip: readonly string[]): Promise<Files> {
  const tree = await readTree(image);
  const files: Files = {};
  const digests = new Map<unknown, string>();
  for await (const { node, body } of readFiles(image, tree)) {
    const parts: Uint8Array[] = [];
    for await (const part of body()) parts.push(part);
    digests.set(node.inode, digestOf(Buffer.concat(parts)).slice("sha256:".length));
  }
  const timeless = new Set(
    skip
      .filter((one) => one.endsWith(":mtime"))
      .map((one) => one.slice(0, -6).replaceAll("(dir):", "").replaceAll(":", "/")),
  );
  for (const { path, inode, header } of tree) {
    const { mode, uid, gid, type, size, linkname, mtime, xattrs } = header;
    files[path] = {
      ...(type === "symlink" ? {} : { mode: mode.toString(8).padStart(4, "0") }),
      uid,
      gid,
      type: type === "directory" ? "dir" : type,
      ...(type === "file" ? { size, sha256: digests.get(inode) } : {}),
      ...(type === "symlink" ? { target: linkname } : {}),
      ...(xattrs.size === 0
        ? {}
        : { xattrs: Object.fromEntries([...xattrs].map(([key, value]) => [key, Buffer.from(value).toString()])) }),
      ...(timeless.has(path) || mtime !== contextTime ? {} : { mtime: "context" }),
    };
  }
  return files;
}

function wantedFiles(tree: Readonly<Record<string, z.output<typeof golden>>>): Files {
  return Object.fromEntries(
    Object.entries(tree).map(([path, { mtime, ...kept }]) => [path, mtime === "context" ? { ...kept, mtime } : kept]),
  );
}
