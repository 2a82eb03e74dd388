import { lstat, mkdir, readdir, readFile, readlink, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { cases, temporaryFolder } from "@lading/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as z from "zod";
import type { Bytes } from "../content.ts";
import { mediaTypes } from "../descriptor.ts";
import { digestOf } from "../digest.ts";
import { extractImage } from "./extract.ts";
import { flattenImage } from "./flatten.ts";
import type { Layer } from "../image.ts";
import { readTar } from "../tar/tar-reader.ts";

const tarCases = z.object({ cases: z.array(z.object({ id: z.string(), file: z.string(), title: z.string() })) });

/** What becomes of each: what lies in the folder, or how it is refused. */
const outcomes: Readonly<Record<string, readonly string[] | string>> = {
  "T01-dotdot-file": "leads out of the root",
  "T02-abs-file": ["tmp/", "tmp/zz-outside/", "tmp/zz-outside/pwn"],
  "T03-symlink-abs-write-through": ["l -> /tmp/zz-outside", "tmp/", "tmp/zz-outside/", "tmp/zz-outside/pwn"],
  "T06-hardlink-abs": 'target "tmp/zz-outside/secret" is not there',
  "T11-symlink-then-dir-chmod": ["d/"],
  "T12-root-as-symlink": "the root cannot be a symlink",
  "T12b-root-slash-symlink": "the root cannot be a symlink",
  "T14a-whiteout-dotdot": "a whiteout of nothing",
  "T14b-whiteout-dot": "a whiteout of nothing",
  "T14c-whiteout-empty": "a whiteout of nothing",
  "T14d-whiteout-dotdot-path": "leads out of the root",
  "T15-opaque-after-siblings": ["d/", "d/new"],
  "T16-whiteout-as-symlink": [],
  "T17-duplicate-file": ["a"],
  "T19b-non-utf8-name": ["bad-\u00ff-name"],
  "T20-pax-path-nul": 'PAX record "path" holds a NUL',
  "T22-tarmageddon": ["after", "outer.bin"],
  "T26-global-pax-path": ["a", "b"],
  "T29-devices": [],
  "T29b-setuid-xattr": ["su"],
  "T30-bad-checksum": "its checksum is wrong",
  "T36-ustar-prefix-dotdot": "leads out of the root",
  "T38-hardlink-self": "a hardlink to itself",
  "T41-old-dir-trailing-slash": ["dir/", "dir/x"],
  "T42-unknown-typeflag": ["a", "z"],
  "T43-mkdir-through-symlink": [
    "l -> /tmp/zz-outside",
    "tmp/",
    "tmp/zz-outside/",
    "tmp/zz-outside/newdir/",
    "tmp/zz-outside/s2 -> x",
  ],
  "T45-proc-self": ["p -> /proc/self/cwd", "proc/", "proc/self/", "proc/self/cwd/", "proc/self/cwd/pwn-cwd"],
  "T47-usrmerge": ["bin -> /usr/bin", "usr/", "usr/bin/", "usr/bin/tool"],
  "T48-hardlink-via-symlinked-dir": ["d/", "d/f", "h", "l -> d"],
};

describe.runIf(cases !== undefined)("hostile layers", () => {
  const outside = "/tmp/zz-outside";
  beforeAll(() => plant(outside));
  afterAll(() => rm(outside, { recursive: true, force: true }));

  const loaded = cases === undefined ? [] : tarCases.parse(cases.json("hostile/tar-cases.json")).cases;
  test.each(loaded)("$id: $title", async ({ id, file }) => {
    await using folder = await temporaryFolder();
    await plant(join(folder.path, "outside"));
    const before = [await inspect(outside), await inspect(join(folder.path, "outside"))];
    const image = { layers: [layerOf(await readFile(cases?.path(`hostile/${file}`) ?? ""))] };
    const root = join(folder.path, "root");

    const outcome = outcomes[id];
    if (typeof outcome === "string") {
      await expect(extractImage(image, root)).rejects.toThrow(outcome);
      await expect(buffer(flattenImage(image))).rejects.toMatchObject({ code: "INVALID_ARCHIVE" });
      expect(await readdir(folder.path)).toEqual(["outside"]);
    } else {
      await extractImage(image, root);
      expect(await list(root)).toEqual(outcome);
      // The flattened tar gives the same tree again, devices aside.
      const again = { layers: [layerOf(await buffer(flattenImage(image)))] };
      await extractImage(again, join(folder.path, "again"));
      expect(await list(join(folder.path, "again"))).toEqual(outcome);
    }
    expect([await inspect(outside), await inspect(join(folder.path, "outside"))]).toEqual(before);
    expect(await readdir(".")).not.toContain("pwn-cwd");
  });

  test("say no more and no less than they hold", async () => {
    expect(await members("T01-dotdot-file")).toEqual([
      ["ok.txt", expect.any(Number), {}],
      ["../outside/pwn", expect.any(Number), {}],
    ]);
    expect(await members("T22-tarmageddon")).toEqual([
      ["outer.bin", 1024, {}],
      ["after", 1, {}],
    ]);
    expect(await members("T29b-setuid-xattr")).toEqual([
      [
        "su",
        expect.any(Number),
        { "security.capability": expect.any(Uint8Array), "trusted.overlay.opaque": expect.any(Uint8Array) },
      ],
    ]);
  });
});

async function members(id: string): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const { header, body } of readTar(once(await readFile(cases?.path(`hostile/tar/${id}.tar`) ?? ""))))
    found.push([header.path, (await buffer(body())).length, Object.fromEntries(header.xattrs)]);
  return found;
}

function layerOf(tar: Uint8Array): Layer {
  const digest = digestOf(tar);
  return {
    descriptor: { mediaType: mediaTypes.ociLayer, digest, size: tar.length },
    diffId: digest,
    open: () => once(tar),
  };
}

async function* once(bytes: Uint8Array): Bytes {
  yield bytes;
}

/** What a hostile layer is after. */
async function plant(folder: string): Promise<void> {
  await mkdir(join(folder, "dir"), { recursive: true, mode: 0o700 });
  for (const name of ["secret", "victim"]) await writeFile(join(folder, name), name);
}

async function inspect(folder: string): Promise<unknown> {
  const names = (await readdir(folder, { recursive: true })).toSorted();
  return Promise.all(
    ["", ...names].map(async (name) => {
      const { mode, ino, nlink, mtimeMs, ctimeMs } = await lstat(join(folder, name));
      return { name, mode, ino, nlink, mtimeMs, ctimeMs };
    }),
  );
}

/** Everything below a folder, bytes of names as characters. */
async function list(folder: string, below = ""): Promise<string[]> {
  const found: string[] = [];
  for (const name of (await readdir(Buffer.from(join(folder, below), "latin1"), { encoding: "latin1" })).toSorted()) {
    const path = join(below, name);
    const stat = await lstat(Buffer.from(join(folder, path), "latin1"));
    if (stat.isSymbolicLink()) found.push(`${path} -> ${await readlink(join(folder, path))}`);
    else if (stat.isDirectory()) found.push(`${path}/`, ...(await list(folder, path)));
    else found.push(path);
  }
  return found;
}
