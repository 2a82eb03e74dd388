import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import {
  digestOf,
  encodeTarHeader,
  extractImage,
  flattenImage,
  type Image,
  LayoutStore,
  mediaTypes,
  tarTrailerSize,
  type TarType,
  writeImage,
} from "@lading/oci";
import { temporaryFolder } from "@lading/testkit";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { attempt, installed, isRoot, run } from "./command.ts";
import { readTree, type TreeEntry } from "./tree.ts";

interface Entry {
  readonly path: string;
  readonly type: TarType;
  readonly linkname?: string;
  readonly body?: string;
  readonly mode?: number;
}

// Few names, so that layers replace, remove and lead into each other's paths all the time.
const directory = fc
  .array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 3 })
  .map((names) => names.join("/"));
const file = fc.oneof(
  fc.constant("x"),
  directory.map((path) => `${path}/x`),
  directory.map((path) => `${path}/y`),
);
const target = fc.oneof(
  directory,
  directory.map((path) => `/${path}`),
  directory.map((path) => `../${path}`),
  fc.constantFrom("..", "/", ".", "../../..", "a/../b", "/c/./b"),
);
const inFolder = (path: string, name: (base: string) => string): string => {
  const slash = path.lastIndexOf("/") + 1;
  return path.slice(0, slash) + name(path.slice(slash));
};
const any = fc.oneof(file, directory);
const entry: fc.Arbitrary<Entry> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({ type: fc.constant("file" as const), path: file, body: fc.string({ maxLength: 4 }) }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant("directory" as const),
      path: directory,
      mode: fc.constantFrom(0o755, 0o700, 0o1777),
    }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constant("symlink" as const), path: any, linkname: target }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("hardlink" as const), path: file, linkname: file }) },
  {
    weight: 3,
    arbitrary: any.map((path) => ({ type: "file" as const, path: inFolder(path, (name) => `.wh.${name}`) })),
  },
  { weight: 3, arbitrary: directory.map((path) => ({ type: "file" as const, path: `${path}/.wh..wh..opq` })) },
);
const layers = fc.array(fc.array(entry, { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 3 });

function tarOf(entries: readonly Entry[]): Buffer {
  const parts = entries.flatMap(({ body = "", mode = 0o644, ...rest }) => {
    const bytes = Buffer.from(body);
    const header = encodeTarHeader({ ...rest, mode, uid: 0, gid: 0, mtime: 100_000, size: bytes.length });
    return [header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)];
  });
  return Buffer.concat([...parts, Buffer.alloc(tarTrailerSize)]);
}

async function imageOf(store: LayoutStore, tars: readonly Buffer[]): Promise<Image> {
  const written = [];
  for (const tar of tars) {
    const descriptor = await store.write(
      (async function* () {
        yield tar;
      })(),
      mediaTypes.ociLayer,
    );
    const blob = store.blob(descriptor);
    written.push({ descriptor, diffId: digestOf(tar), open: () => blob.open() });
  }
  const image = await writeImage(store, {
    config: { architecture: "amd64", os: "linux", config: {} },
    layers: written,
  });
  await store.tag(image.descriptor, "1");
  return image;
}

/** Without the times of directories, which filling them changes, and of links, which umoci does not set. */
async function treeAt(root: string): Promise<Record<string, Partial<TreeEntry>>> {
  return Object.fromEntries(
    [...(await readTree(root))].map(([path, { mtime, ...rest }]) => [
      path,
      rest.kind === "file" ? { mtime, ...rest } : rest,
    ]),
  );
}

test.runIf(installed("umoci", "tar") && isRoot)(
  "extracted and flattened images hold what umoci unpacks, and what it refuses is refused",
  async () => {
    const seen = { unpacked: 0, refused: 0 };
    const property = fc.asyncProperty(layers, async (plans) => {
      await using folder = await temporaryFolder();
      const at = (name: string): string => join(folder.path, name);
      const image = await imageOf(await LayoutStore.create(at("layout")), plans.map(tarOf));
      const umoci = await attempt("umoci", ["unpack", "--image", `${at("layout")}:1`, at("bundle")]);
      if (umoci.status !== 0) {
        seen.refused++;
        await expect(extractImage(image, at("ours"))).rejects.toThrow(/^Cannot (?:unpack|resolve)/);
        return;
      }
      seen.unpacked++;
      const expected = await treeAt(at("bundle/rootfs"));
      await extractImage(image, at("ours"));
      expect(await treeAt(at("ours"))).toEqual(expected);
      await mkdir(at("tar"));
      await run("tar", ["-xpf", "-", "--delay-directory-restore", "-C", at("tar")], {
        input: await buffer(flattenImage(image)),
      });
      expect(await treeAt(at("tar"))).toEqual(expected);
    });
    await fc.assert(property, { numRuns: 150, seed: 1 });
    expect(seen.unpacked).toBeGreaterThan(50);
    expect(seen.refused).toBeGreaterThan(10);
  },
);
