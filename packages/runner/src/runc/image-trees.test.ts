import { execFile } from "node:child_process";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { promisify } from "node:util";
import {
  digestOf,
  encodeTarHeader,
  indexLayer,
  type Layer,
  mediaTypes,
  readTar,
  type TarHeaderInput,
  tarTrailerSize,
} from "@lading/oci";
import { temporaryFolder } from "@lading/testkit";
import * as fc from "fast-check";
import { expect, test, vi } from "vitest";
import { ImageTrees } from "./image-trees.ts";
import { loneLayer } from "./lone-layer.ts";
import { asImageHasThem } from "./lower-folders.ts";
import { likeRoot, OverlayFolder } from "./overlay-folder.ts";
import { withOverlay } from "./overlay.ts";
import type { UnpackOptions } from "./special-files.ts";

const isRoot = process.getuid?.() === 0;

interface Entry extends Omit<TarHeaderInput, "size" | "mode" | "uid" | "gid" | "mtime"> {
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtime?: number;
  readonly body?: string;
}

function layerOf(entries: readonly Entry[]): Layer {
  const chunks = entries.flatMap(({ body = "", ...header }) => [
    encodeTarHeader({ mode: 0o755, uid: 0, gid: 0, mtime: 1000, ...header, size: body.length }),
    Buffer.from(body),
    new Uint8Array((512 - (body.length % 512)) % 512),
  ]);
  const tar = Buffer.concat([...chunks, new Uint8Array(tarTrailerSize)]);
  const digest = digestOf(tar);
  const descriptor = { mediaType: mediaTypes.ociLayer, digest, size: tar.length };
  return { descriptor, diffId: digest, open: () => Readable.from([tar]) };
}

const folder = (path: string, more: Partial<Entry> = {}): Entry => ({ path, type: "directory", ...more });
const file = (path: string, more: Partial<Entry> = {}): Entry => ({ path, type: "file", body: path, ...more });

/** What an overlay of the trees of these layers shows; or why they cannot be unpacked. */
async function shown(
  root: string,
  make: (trees: ImageTrees) => Promise<readonly string[]>,
  how: UnpackOptions = {},
): Promise<{ readonly trees: number; readonly entries: readonly object[] } | string> {
  const trees = new ImageTrees(root, how);
  let names: readonly string[];
  try {
    names = await make(trees);
  } catch (error) {
    expect(readdirSync(join(root, "trees")).filter((name) => name.startsWith("."))).toEqual([]);
    return String(error);
  }
  const lower = asImageHasThem(names.map((name) => trees.folder(name)));
  const overlay = OverlayFolder.make(join(root, "view"), lower.folders);
  likeRoot(overlay.upper, lower);
  const entries = await withOverlay({ folder: overlay, options: [] }, async (view) => await entriesOf(view));
  return { trees: names.length, entries };
}

async function entriesOf(view: string): Promise<readonly object[]> {
  const flags = ["-c", "--sort=name", "--xattrs", "--xattrs-include=*", "--format=pax", "-C", view, "."];
  const { stdout } = await promisify(execFile)("tar", flags, { encoding: "buffer", maxBuffer: 1 << 24 });
  const found: object[] = [];
  for await (const { header, body } of readTar(Readable.from([stdout]))) {
    const { uname: _uname, gname: _gname, mtime, xattrs, ...rest } = header;
    // The time of / is that of the container's own folder.
    const time = header.path === "./" || header.path === "." ? 0 : mtime;
    const attributes = [...xattrs].map(([name, value]) => [name, Buffer.from(value).toString("hex")]);
    const content = header.type === "file" ? (await buffer(body())).toString() : "";
    found.push({ ...rest, time, attributes, content });
  }
  return found;
}

/** That layers are seen as they are when all of them are merged; how many trees they are. */
async function expectAsMerged(layers: readonly Layer[], how: UnpackOptions = {}): Promise<number | undefined> {
  await using place = await temporaryFolder();
  for (const name of ["layered", "merged"]) mkdirSync(join(place.path, name, "trees"), { recursive: true });
  const layered = await shown(join(place.path, "layered"), (trees) => trees.ensure({ layers }), how);
  const merged = await shown(join(place.path, "merged"), async (trees) => [await trees.merged(layers)], how);
  if (typeof layered === "string" || typeof merged === "string") {
    // Of several layers that are wrong, either may be named.
    expect([typeof layered, typeof merged]).toEqual(["string", "string"]);
    return undefined;
  }
  expect(layered.entries).toEqual(merged.entries);
  return layered.trees;
}

test.runIf(isRoot)("layers that stand alone are a tree each, whatever they hide, replace and remove", async () => {
  const capability = new Map([["security.capability", Buffer.from("0100000200200000000000000000000000000000", "hex")]]);
  const layers = [
    [
      folder("", { mode: 0o711, uid: 7 }),
      folder("a", { mode: 0o700, uid: 1, mtime: 5 }),
      file("a/gone"),
      file("a/replaced"),
      folder("a/was-folder"),
      file("a/was-folder/x"),
      file("a/was-file"),
      { path: "a/was-link", type: "symlink", linkname: "../outside" },
      folder("outside"),
      folder("emptied"),
      file("emptied/old"),
      folder("renewed"),
      file("renewed/old"),
    ],
    [
      folder("a", { mode: 0o1777, gid: 2, mtime: 6 }),
      { path: "a/.wh.gone", type: "file" },
      file("a/replaced", { mode: 0o4755, uid: 3, xattrs: capability }),
      file("a/was-folder"),
      folder("a/was-file"),
      folder("a/was-link"),
      file("a/was-link/inside"),
      { path: "a/too", type: "hardlink", linkname: "a/replaced" },
      folder("emptied"),
      { path: "emptied/.wh..wh..opq", type: "file" },
      file("emptied/new"),
      { path: ".wh.renewed", type: "file" },
      folder("renewed", { xattrs: new Map([["user.note", Buffer.from("x")]]) }),
      file("renewed/new"),
    ],
    [
      folder("a", { mtime: 7, xattrs: new Map([["user.note", Buffer.from("x")]]) }),
      folder("a/was-folder"),
      file("a/was-folder/y"),
      { path: "a/.wh.was-file", type: "file" },
      { path: "a/pipe", type: "fifo" },
      { path: "a/null", type: "char", devmajor: 1, devminor: 3 },
    ],
  ] as const;
  expect(await expectAsMerged(layers.map(layerOf))).toBe(3);
});

test.runIf(isRoot).each([
  ["does not name a folder that it stands on", [file("tmp/x")]],
  ["goes through a link of a layer below", [file("bin/tool")]],
  ["names a folder after what is in it", [file("bin/tool"), folder("bin")]],
  ["links to a file of a layer below", [folder("usr"), { path: "usr/too", type: "hardlink", linkname: "usr/file" }]],
  ["has a folder, a file and a folder of one name", [folder("usr"), file("usr"), folder("usr"), file("usr/new")]],
  ["empties all of the image", [{ path: ".wh..wh..opq", type: "file" }, file("new")]],
  ["removes what is behind a link", [{ path: "bin/.wh.sh", type: "file" }]],
] as const)("a layer that %s is merged with all below it", async (_, entries) => {
  const below: readonly Entry[] = [
    folder("tmp", { mode: 0o1777 }),
    folder("usr", { mode: 0o711 }),
    file("usr/file"),
    folder("usr/bin"),
    file("usr/bin/sh"),
    { path: "bin", type: "symlink", linkname: "usr/bin" },
  ];
  const above = [folder("usr"), file("usr/above")];
  expect(await expectAsMerged([below, entries, above].map(layerOf))).toBe(2);
});

test.runIf(isRoot)("a device that nobody may make hides what a layer below has there", async () => {
  const layers = [[file("x")], [{ path: "x", type: "char", devmajor: 1, devminor: 3 } as const]].map(layerOf);
  expect(await expectAsMerged(layers, { devices: false })).toBe(2);
});

test.runIf(isRoot)("a layer that empties a folder is merged where no overlay can be told so", async () => {
  const emptying = [folder("a"), file("a/.wh..wh..opq"), file("a/new")];
  const layers = [[folder("a"), file("a/old")], emptying, [file("b")]].map(layerOf);
  expect(await expectAsMerged(layers)).toBe(3);
  expect(await expectAsMerged(layers, { opaqueAttribute: "" })).toBe(2);
});

test.runIf(isRoot)(
  "an attribute that files are not the same without, and that cannot be set, is an error",
  async () => {
    await using place = await temporaryFolder();
    // The kernel takes no capabilities of that form.
    const wrong = new Map([["security.capability", Buffer.from("x")]]);
    const trees = new ImageTrees(place.path);

    await expect(trees.ensure({ layers: [layerOf([file("program", { xattrs: wrong })])] })).rejects.toMatchObject({
      code: "ENGINE",
      message: expect.stringContaining("Cannot set 'security.capability' extended attribute for file 'program'"),
    });
    expect(trees.all()).toEqual([]);
  },
);

test.runIf(isRoot)("a layer that is there twice is one folder of an overlay", async () => {
  const [one, two] = [[file("x", { body: "1" })], [file("x", { body: "2" })]].map(layerOf);
  if (one === undefined || two === undefined) throw new TypeError("two layers");
  expect(await expectAsMerged([one, two, one])).toBe(2);
  expect(await expectAsMerged([one, one])).toBe(1);
});

test.runIf(isRoot)("what a layer removes where nothing is, is not listed", async () => {
  const removal = [folder("a"), file("a/.wh.x")];
  expect(await expectAsMerged([[file("b")], removal].map(layerOf))).toBe(1);
  expect(await expectAsMerged([[folder("a")], removal].map(layerOf))).toBe(2);
  expect(await expectAsMerged([removal].map(layerOf))).toBe(1);
});

test.runIf(isRoot)("of more layers than an overlay has names for, the lowest are merged", async () => {
  const layers = Array.from({ length: 130 }, (_, index) => layerOf([file(`${index % 120}`, { body: `${index}` })]));
  expect(await expectAsMerged(layers)).toBe(101);
});

test.runIf(isRoot)(
  "a layer is one tree for all images that have it, and a lowest one that was merged is for none but itself",
  async () => {
    await using place = await temporaryFolder();
    const trees = new ImageTrees(place.path);
    const [base, other, app] = [[file("base")], [file("other/without/folders")], [file("app")]].map(layerOf);
    if (base === undefined || other === undefined || app === undefined) throw new TypeError("three layers");
    const one = await trees.ensure({ layers: [base, app] });
    expect(await trees.ensure({ layers: [other] })).toHaveLength(1);
    const two = await trees.ensure({ layers: [other, app] });
    expect(two[0]).toBe(one[0]);
    expect(await trees.ensure({ layers: [base, other, app] })).toHaveLength(2);
    expect(await trees.ensure({ layers: [app, base] })).toEqual([...one].toReversed());
  },
);

test.runIf(isRoot)("what is unpacked is not read again for layers that remove something of it", async () => {
  await using place = await temporaryFolder();
  const read: string[] = [];
  const counted = (name: string, entries: readonly Entry[]): Layer => {
    const layer = layerOf(entries);
    return { ...layer, open: () => (read.push(name), layer.open()) };
  };
  const layers = [
    counted("base", [folder("a"), file("a/x"), file("a/y")]),
    counted("removes", [folder("a"), file("a/.wh.x")]),
    counted("removes more", [folder("a"), file("a/.wh.y")]),
  ];
  const trees = new ImageTrees(place.path);
  const names = await trees.ensure({ layers });
  expect(names).toHaveLength(3);
  read.length = 0;

  expect(await trees.ensure({ layers })).toEqual(names);
  expect(await trees.upper(layers, 1)).toEqual({ names: names.slice(0, 2), merged: false });
  expect((await trees.ensure({ layers: [...layers, counted("new", [file("new")])] })).slice(1)).toEqual(names);
  // Once to look at, once to unpack.
  expect(read).toEqual(["new", "new"]);

  await trees.sweep(names[1] ?? "", () => false);
  expect(await trees.ensure({ layers })).toEqual(names);
});

test.runIf(isRoot)(
  "of two who sweep a tree at once, or one who sweeps and one who unpacks, neither fails",
  async () => {
    await using place = await temporaryFolder();
    const trees = new ImageTrees(place.path);
    const [name = ""] = await trees.ensure({ layers: [layerOf([file("x")])] });
    const isUsed = vi.fn<() => boolean>();
    isUsed.mockImplementationOnce(() => (rmSync(trees.folder(name), { recursive: true }), false));
    await trees.sweep(name, isUsed);
    expect(trees.all()).toEqual([]);

    await trees.ensure({ layers: [layerOf([file("x")])] });
    isUsed.mockReturnValueOnce(false);
    isUsed.mockImplementationOnce(() => (mkdirSync(join(trees.folder(name), "rootfs"), { recursive: true }), true));
    await trees.sweep(name, isUsed);
    expect(trees.all()).toEqual([name]);
  },
);

test.runIf(isRoot)("of the layers above a base no more are laid over it than an overlay has names for", async () => {
  await using place = await temporaryFolder();
  const trees = new ImageTrees(place.path);
  const layers = Array.from({ length: 130 }, (_, index) => layerOf([file(`${index}`)]));

  const few = await trees.upper(layers, 60);
  expect([few.names.length, few.merged]).toEqual([70, false]);
  const many = await trees.upper(layers, 10);
  expect([many.names.length, many.merged]).toEqual([101, true]);
});

const name = fc.constantFrom("a", "b", "c");
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join("/"));
const meta = fc.record({
  mode: fc.constantFrom(0o755, 0o644, 0o4755, 0o1777, 0o2711, 0o600),
  uid: fc.constantFrom(0, 1, 1000),
  gid: fc.constantFrom(0, 5),
  mtime: fc.constantFrom(0, 1000, 2000),
});
const noXattrs = new Map<string, Uint8Array>();
const xattrs = fc.constantFrom(noXattrs, noXattrs, noXattrs, new Map([["user.note", Buffer.from("x")]]));
const whiteout = (at: string): string => at.replace(/[^/]*$/, ".wh.$&");

const entry = (made: fc.Arbitrary<Entry>, weight: number): fc.WeightedArbitrary<Entry> => ({ arbitrary: made, weight });

const anEntry: fc.Arbitrary<Entry> = fc.oneof(
  entry(
    fc.tuple(path, meta, xattrs).map(([at, more, attributes]) => folder(at, { ...more, xattrs: attributes })),
    5,
  ),
  entry(
    fc
      .tuple(path, meta, xattrs, fc.constantFrom("", "x", "content"))
      .map(([at, more, attributes, body]) => file(at, { ...more, body, xattrs: attributes })),
    5,
  ),
  entry(
    fc.tuple(path, path).map(([at, linkname]) => ({ path: at, type: "symlink", linkname })),
    2,
  ),
  entry(
    path.map((at) => ({ path: at, type: "symlink", linkname: "/a" })),
    1,
  ),
  entry(
    fc.tuple(path, path).map(([at, linkname]) => ({ path: at, type: "hardlink", linkname })),
    2,
  ),
  entry(
    path.map((at) => file(whiteout(at))),
    3,
  ),
  entry(
    path.map((at) => file(`${at}/.wh..wh..opq`)),
    2,
  ),
  entry(
    fc.tuple(path, meta).map(([at, more]) => file(at, { ...more, type: "fifo", body: "" })),
    1,
  ),
  entry(
    fc
      .tuple(path, fc.constantFrom(0, 1), fc.constantFrom(0, 3))
      .map(([at, devmajor, devminor]) => ({ path: at, type: "char", mode: 0o600, devmajor, devminor })),
    1,
  ),
  entry(
    meta.map((more) => folder("", more)),
    1,
  ),
);

/** Names the folders that entries stand on, before them, as builders do. */
function tidy(entries: readonly Entry[]): readonly Entry[] {
  const named = new Set<string>();
  return entries.flatMap((entry) => {
    const parts = entry.path.split("/").slice(0, -1);
    const parents = parts.map((_, index) => parts.slice(0, index + 1).join("/")).filter((at) => !named.has(at));
    for (const at of parents) named.add(at);
    if (entry.type === "directory") named.add(entry.path);
    return [...parents.map((at) => folder(at, { mtime: 3000 })), entry];
  });
}

const aLayer = fc
  .tuple(fc.array(anEntry, { maxLength: 6 }), fc.integer({ min: 0, max: 3 }))
  .map(([entries, kind]) => (kind === 0 ? entries : tidy(entries)));

test.runIf(isRoot)(
  "whatever layers hold, they are seen as they are when all of them are merged",
  { timeout: 300_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(aLayer, { minLength: 1, maxLength: 4 }), fc.boolean(), async (layers, devices) => {
        await expectAsMerged(layers.map(layerOf), { devices });
      }),
      { numRuns: 60 },
    );
  },
);

test("most layers as builders make them stand alone", async () => {
  let alone = 0;
  const layers = fc.sample(aLayer, { numRuns: 300, seed: 1 });
  for (const entries of layers) {
    const index = await indexLayer(layerOf(entries).open()).catch(() => undefined);
    if (index !== undefined && loneLayer(index) !== undefined) alone++;
  }
  // Else the one above would say little.
  expect(alone).toBeGreaterThan(layers.length / 4);
});
