import { chmodSync, linkSync, lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Descriptor } from "@lading/oci";
import { randomImage, temporaryFolder } from "@lading/testkit";
import { expect, test, vi } from "vitest";
import { build } from "../build.ts";
import type { BuildRequest, BuildResult } from "../result.ts";
import { type BuildSpecInput, buildSpecSchema } from "../spec.ts";

interface Project extends AsyncDisposable {
  readonly context: string;
  readonly plans: string;
  build(spec?: BuildSpecInput, more?: Partial<BuildRequest>): Promise<BuildResult>;
  /** As a machine builds it that has never done so. */
  anew(spec?: BuildSpecInput, more?: Partial<BuildRequest>): Promise<Descriptor>;
}

const usual: BuildSpecInput = {
  platforms: ["linux/amd64"],
  layers: [
    { name: "lib", add: [{ src: "lib", dest: "/app/lib" }] },
    {
      name: "app",
      add: [
        { src: ["src"], dest: "/app", exclude: ["*.md"] },
        { src: "one.txt", dest: "/app/lib/one" },
      ],
    },
  ],
};

async function project(): Promise<Project> {
  const folder = await temporaryFolder();
  const context = join(folder.path, "context");
  for (const [path, text] of Object.entries({
    "lib/a/index.js": "a",
    "lib/a/b/c.js": "c",
    "lib/z.txt": "z",
    "src/main.js": "main",
    "src/util/x.js": "xx",
    "src/README.md": "read me",
    "one.txt": "1",
  })) {
    mkdirSync(join(context, path, ".."), { recursive: true });
    writeFileSync(join(context, path), text);
  }
  symlinkSync("z.txt", join(context, "lib/link"));
  let caches = 0;
  const run = async (cacheDir: string, spec: BuildSpecInput, more?: Partial<BuildRequest>): Promise<BuildResult> =>
    await build({
      spec: buildSpecSchema.parse(spec),
      context,
      cacheDir,
      locate: (place) => Promise.reject(new Error(`Cannot find ${place}`)),
      ...more,
    });
  return {
    context,
    plans: join(folder.path, "cache/layers/plan"),
    build: async (spec = usual, more) => await run(join(folder.path, "cache"), spec, more),
    anew: async (spec = usual, more) =>
      (await run(join(folder.path, `cache-${++caches}`), spec, { ...more, noCache: true })).descriptor,
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

/** Until times of files tell every later change: file systems that keep whole seconds need two of them. */
async function settle({ context }: Project): Promise<void> {
  const wholeSeconds = lstatSync(context).ctimeMs % 1000 === 0;
  await new Promise((resolve) => setTimeout(resolve, wholeSeconds ? 2100 : 30));
}

function reuses({ images }: BuildResult): readonly string[] {
  return images.flatMap(({ layers }) => layers.map(({ reuse }) => reuse));
}

function counts({ images }: BuildResult): readonly number[] {
  return images.flatMap(({ layers }) => layers.map(({ entries }) => entries));
}

test("a layer that is made of the same is not planned again", async () => {
  await using here = await project();
  await settle(here);
  const first = await here.build();
  const records = readdirSync(here.plans).map((name) => join(here.plans, name));
  expect(records).toHaveLength(2);
  // Who sees this warning has it from the record.
  for (const path of records)
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, "utf8")), warnings: ["remembered"] }));

  const second = await here.build();

  expect(second.warnings).toEqual(["remembered"]);
  expect(second.descriptor).toEqual(first.descriptor);
  expect(reuses(second)).toEqual(["stat", "stat"]);
  expect(counts(second)).toEqual(counts(first));
  expect((await here.build(usual, { noCache: true })).warnings).toEqual([]);
  expect((await here.build({ ...usual, compression: "none" })).warnings).toEqual([]);
});

test("what is above a layer that may still change is not remembered", async () => {
  await using here = await project();
  await settle(here);
  const edited = join(here.context, "lib/z.txt");
  writeFileSync(edited, "Z");
  // As if the build began before the clock of the file system ticks again.
  vi.useFakeTimers({ toFake: ["Date"], now: lstatSync(edited).ctimeMs + 10 });
  try {
    await here.build();
  } finally {
    vi.useRealTimers();
  }
  expect(readdirSync(here.plans)).toEqual([]);
  await settle(here);
  await here.build();
  expect(readdirSync(here.plans)).toHaveLength(2);
});

test("warnings of a plan are repeated", async () => {
  await using here = await project();
  writeFileSync(join(here.context, "lib/Z.txt"), "");
  await settle(here);
  const { warnings } = await here.build();
  expect(warnings).toEqual([expect.stringContaining("where case does not count")]);
  expect((await here.build()).warnings).toEqual(warnings);
});

test("records that are damaged, or of which the layer is gone, are as good as none", async () => {
  await using here = await project();
  await settle(here);
  const { descriptor } = await here.build();
  for (const name of readdirSync(here.plans)) writeFileSync(join(here.plans, name), "{}");
  expect((await here.build()).descriptor).toEqual(descriptor);
  const blobs = join(here.plans, "../../blobs/sha256");
  for (const name of readdirSync(blobs)) rmSync(join(blobs, name));
  const third = await here.build();
  expect(third.descriptor).toEqual(descriptor);
  expect(reuses(third)).toEqual(["none", "none"]);
});

const edits: readonly (readonly [string, (context: string) => void])[] = [
  [
    "a file whose size and mtime are as before",
    (context) => {
      const path = join(context, "lib/a/b/c.js");
      const { atime, mtime } = lstatSync(path);
      writeFileSync(path, "C");
      utimesSync(path, atime, mtime);
    },
  ],
  [
    "a file that another has replaced, with its size and mtime",
    (context) => {
      const path = join(context, "lib/a/index.js");
      const { atime, mtime } = lstatSync(path);
      writeFileSync(join(context, "new"), "A");
      utimesSync(join(context, "new"), atime, mtime);
      renameSync(join(context, "new"), path);
    },
  ],
  ["a file that can be executed now", (context) => chmodSync(join(context, "src/main.js"), 0o755)],
  ["a file more", (context) => writeFileSync(join(context, "lib/a/new.js"), "new")],
  ["a file less", (context) => rmSync(join(context, "src/util/x.js"))],
  ["two files that have changed places", swapFiles],
  ["a file with another name", (context) => renameSync(join(context, "lib/z.txt"), join(context, "lib/y.txt"))],
  ["a file that is a folder now", fileToFolder],
  ["an empty folder more", (context) => mkdirSync(join(context, "lib/empty"))],
  ["a folder with another mode", (context) => chmodSync(join(context, "lib/a"), 0o700)],
  ["a folder with another time", (context) => utimesSync(join(context, "lib/a"), 1000, 1000)],
  ["a symlink that leads elsewhere", (context) => relink(context, "lib/link", "q.txt")],
  ["a symlink in place of a file", (context) => relink(context, "src/main.js", "util")],
  ["two files that are one", (context) => relinkHard(context, "lib/a/index.js", "lib/a/b/c.js")],
  ["an ignore file", (context) => writeFileSync(join(context, ".dockerignore"), "lib/a/b\n")],
  ["the only file of a source", (context) => writeFileSync(join(context, "one.txt"), "2")],
];

function swapFiles(context: string): void {
  const [a, b] = [join(context, "lib/a/index.js"), join(context, "lib/a/b/c.js")];
  renameSync(a, `${a}.x`);
  renameSync(b, a);
  renameSync(`${a}.x`, b);
}

function fileToFolder(context: string): void {
  rmSync(join(context, "lib/z.txt"));
  mkdirSync(join(context, "lib/z.txt"));
}

function relink(context: string, path: string, target: string): void {
  rmSync(join(context, path));
  symlinkSync(target, join(context, path));
}

function relinkHard(context: string, path: string, target: string): void {
  rmSync(join(context, path));
  linkSync(join(context, target), join(context, path));
}

test.each(edits)("%s: the image is that of a machine that never built it", async (_, edit) => {
  await using here = await project();
  const exact = { ...usual, layers: usual.layers?.map((layer) => ({ ...layer, dirMode: "source", mtime: "source" })) };
  await settle(here);
  for (const spec of [usual, exact]) await here.build(spec);
  edit(here.context);
  await settle(here);
  for (const spec of [usual, exact, usual, exact])
    expect((await here.build(spec)).descriptor).toEqual(await here.anew(spec));
});

test("times of folders make no layer anew that does not have them", async () => {
  await using here = await project();
  await settle(here);
  await here.build();
  const known = readdirSync(here.plans);
  writeFileSync(join(here.context, "lib/a/for-a-moment"), "");
  rmSync(join(here.context, "lib/a/for-a-moment"));
  await settle(here);
  expect(reuses(await here.build())).toEqual(["stat", "stat"]);
  expect(readdirSync(here.plans)).toEqual(known);
});

test("what a layer finds in one that is remembered is what is in it", async () => {
  await using here = await project();
  const spec: BuildSpecInput = {
    platforms: ["linux/amd64"],
    layers: [
      {
        add: [
          { directory: true, dest: "/app", mode: "0750", owner: "7:8" },
          { symlink: "lib", dest: "/app/linked" },
          { src: "lib", dest: "/app/lib" },
        ],
      },
      { add: [{ src: "src", dest: "/app/linked/src" }] },
    ],
  };
  await settle(here);
  await here.build(spec);
  writeFileSync(join(here.context, "src/main.js"), "another");
  await settle(here);
  const second = await here.build(spec);
  expect(reuses(second)).toEqual(["stat", "none"]);
  expect(second.descriptor).toEqual(await here.anew(spec));
  // A path that nobody has asked for yet.
  const third = { ...spec, layers: [...(spec.layers ?? []), { add: [{ content: "", dest: "/app/lib/z.txt" }] }] };
  expect((await here.build(third)).descriptor).toEqual(await here.anew(third));
  const blocked = { ...spec, layers: [...(spec.layers ?? []), { add: [{ content: "", dest: "/app/lib/a" }] }] };
  await expect(here.build(blocked)).rejects.toThrow("the base has a folder there");
});

test("of a layer that is remembered no more is kept than the last build asked for", async () => {
  await using here = await project();
  await settle(here);
  const below = { add: [{ src: "lib", dest: "/app/lib" }] };
  const buildWith = async (dest: string): Promise<BuildResult> =>
    await here.build({ platforms: ["linux/amd64"], layers: [below, { add: [{ content: "", dest }] }] });
  await here.build({ platforms: ["linux/amd64"], layers: [below] });
  const [record = ""] = readdirSync(here.plans);
  const read = (): string => readFileSync(join(here.plans, record), "utf8");
  const lengths = new Set<number>();
  for (const name of ["1", "2", "3", "4"]) {
    expect(reuses(await buildWith(`/app/lib/${name}/f`))[0]).toBe("stat");
    expect(read()).toContain(`"app/lib/${name}"`);
    lengths.add(read().length);
  }
  expect(lengths.size).toBe(1);
  const last = read();
  await here.build({ platforms: ["linux/amd64"], layers: [below] });
  expect(read()).toBe(last);
});

test("a layer is another on another base, and above another layer", async () => {
  await using here = await project();
  const bases = [await randomImage(), await randomImage()];
  const below: BuildSpecInput["layers"] = [{ add: [{ directory: true, dest: "/app", mode: "0711" }] }];
  await settle(here);
  for (const base of [...bases, ...bases])
    for (const remote of [false, true])
      for (const layers of [usual.layers ?? [], [...below, ...(usual.layers ?? [])]]) {
        const spec = { ...usual, from: "base", layers };
        const { source, descriptor } = base;
        const more: Partial<BuildRequest> = { locate: () => Promise.resolve({ source, descriptor, remote }) };
        expect((await here.build(spec, more)).descriptor).toEqual(await here.anew(spec, more));
      }
});

test("another layer makes the base be read: the layers beside it are those of a machine that never built them", async () => {
  await using here = await project();
  const platforms = ["linux/amd64"];
  const { source, descriptor } = await here.build({
    platforms,
    layers: [{ add: [{ directory: true, dest: "/opt", mode: "0700", owner: "5:6" }] }],
  });
  const more: Partial<BuildRequest> = { locate: () => Promise.resolve({ source, descriptor, remote: true }) };
  const first = { add: [{ src: "one.txt", dest: "/opt/f" }] };
  const one: BuildSpecInput = { platforms, from: "base", layers: [first] };
  const two: BuildSpecInput = { platforms, from: "base", layers: [first, { add: [{ content: "", dest: "/var/x" }] }] };
  await settle(here);
  const folderOf = async (spec: BuildSpecInput): Promise<readonly unknown[]> => {
    const { images } = await here.build(spec, more);
    return images.map(({ layers }) => layers[1]?.descriptor.digest);
  };
  // Else there is nothing to get wrong.
  expect(await folderOf(one)).not.toEqual(await folderOf(two));
  for (const spec of [one, two, two, one, one])
    expect((await here.build(spec, more)).descriptor).toEqual(await here.anew(spec, more));
  expect(reuses(await here.build(one, more)).slice(1)).toEqual(["stat"]);
});

test.each([
  ["owners by name", { add: [{ src: "lib", dest: "/lib", owner: "web" }] }],
  ["removals", { add: [{ src: "lib", dest: "/lib" }], remove: ["/etc/passwd"] }],
])("%s depend on what lies below", async (_, layer) => {
  await using here = await project();
  await settle(here);
  const accounts = { content: "web:x:33:34::/:\n", dest: "/etc/passwd" };
  const spec: BuildSpecInput = { platforms: ["linux/amd64"], layers: [{ add: [accounts] }, layer] };
  const first = await here.build(spec);
  expect((await here.build(spec)).descriptor).toEqual(first.descriptor);
  const other = { ...spec, layers: [{ add: [{ ...accounts, content: "web:x:5:6::/:\n" }] }, layer] };
  expect((await here.build(other)).descriptor).toEqual(await here.anew(other));
});

test("a secret is found that was allowed in the build before", async () => {
  await using here = await project();
  writeFileSync(join(here.context, "src/.env"), "A=b");
  await settle(here);
  const allowing = { ...usual, allowSecrets: [".env"] };
  await here.build(allowing);
  await here.build(allowing);
  await expect(here.build()).rejects.toThrow(/looks like secrets: src\/\.env/);
});
