import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, statSync } from "node:fs";
import {
  chmod,
  chown,
  link,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import { encodeTarHeader, type TarHeaderInput } from "@lading/oci";
import { temporaryFolder } from "@lading/testkit";
import { expect, test } from "vitest";
import { copyIn, copyOut } from "./copy.ts";
import { whileSwapping } from "./swapping.suite.ts";

const isRoot = process.getuid?.() === 0;

/*
 * What `docker cp` does, by what source and destination are; the same both ways. The source has
 * `file` and a folder `tree` with `leaf`; `there` is a folder of the destination, `old` a file.
 */
const rules: readonly (readonly [
  source: string,
  destination: string,
  result: Readonly<Record<string, string>> | string,
])[] = [
  ["file", "new", { new: "file" }],
  ["file", "old", { old: "file" }],
  ["file", "there", { "there/file": "file" }],
  ["file", "there/", { "there/file": "file" }],
  ["file", "new/", "there is no such folder"],
  ["file", "old/", "a file is in the place of a folder"],
  ["file", "nowhere/new", "the folder that should hold it is not there"],
  ["file", "to-there", { "there/file": "file" }],
  ["file", "to-new", { new: "file" }],
  ["tree", "new", { "new/leaf": "leaf" }],
  ["tree", "new/", { "new/leaf": "leaf" }],
  ["tree", "there", { "there/tree/leaf": "leaf" }],
  ["tree/", "there", { "there/tree/leaf": "leaf" }],
  ["tree/.", "there", { "there/leaf": "leaf" }],
  ["tree/.", "new", { "new/leaf": "leaf" }],
  ["tree", "old", "a folder cannot take the place of a file"],
  ["tree", "full", { "full/tree/leaf": "leaf", "full/tree/other": "other" }],
  ["tree/.", "full/tree", { "full/tree/leaf": "leaf", "full/tree/other": "other" }],
  ["file/", "there", "a file is in the place of a folder"],
  ["nothing", "there", "it is not there"],
];

test.each(rules)("out: %s to %s", async (source, destination, result) => {
  await using scene = await makeScene();
  await prepare(scene.root, scene.outside);
  await check(scene.outside, result, () => copyOut(scene.root, `/${source}`, join(scene.outside, "/") + destination));
});

test.each(rules)("in: %s to %s", async (source, destination, result) => {
  await using scene = await makeScene();
  await prepare(scene.outside, scene.root);
  await check(scene.root, result, () => copyIn(join(scene.outside, "/") + source, scene.root, `/${destination}`));
});

async function prepare(from: string, to: string): Promise<void> {
  await mkdir(join(from, "tree"));
  await writeFile(join(from, "tree/leaf"), "leaf");
  await writeFile(join(from, "file"), "file");
  await mkdir(join(to, "there"));
  await mkdir(join(to, "full/tree"), { recursive: true });
  await writeFile(join(to, "full/tree/other"), "other");
  await writeFile(join(to, "old"), "old");
  await symlink("there", join(to, "to-there"));
  await symlink("new", join(to, "to-new"));
}

async function check(
  folder: string,
  result: Readonly<Record<string, string>> | string,
  copy: () => Promise<unknown>,
): Promise<void> {
  if (typeof result === "string") {
    await expect(copy()).rejects.toThrow(result);
    return;
  }
  await copy();
  const found = await filesOf(folder);
  expect(found).toEqual({ "full/tree/other": "other", old: "old", ...result });
}

test("a link is copied as one, and what it leads to inside the container when it is to be followed", async () => {
  await using scene = await makeScene();
  const { root, outside } = scene;
  await mkdir(join(root, "real"));
  await writeFile(join(root, "real/file"), "inside");
  await symlink("/real/file", join(root, "link"));
  await symlink("/real", join(root, "folder"));
  await copyOut(root, "link", join(outside, "as-link"));
  await copyOut(root, "link", join(outside, "as-file"), { follow: true });
  await copyOut(root, "folder", outside, { follow: true });
  expect(await readlink(join(outside, "as-link"))).toBe("/real/file");
  expect(await filesOf(outside)).toEqual({ "as-file": "inside", "folder/file": "inside" });
});

test("modes, times and hard links stay; without owners the bits that give privileges do not", async () => {
  await using scene = await makeScene();
  const { root, outside } = scene;
  await mkdir(join(root, "tree"));
  await writeFile(join(root, "tree/tool"), "tool");
  await chmod(join(root, "tree/tool"), 0o4751);
  await utimes(join(root, "tree/tool"), 1000, 1000.25);
  await link(join(root, "tree/tool"), join(root, "tree/twin"));
  await chmod(join(root, "tree"), 0o555);
  await utimes(join(root, "tree"), 2000, 2000);
  expect(await copyOut(root, "tree", outside)).toEqual({ files: 1, folders: 1, links: 1, bytes: 4, skipped: [] });
  const tool = await lstat(join(outside, "tree/tool"));
  const twin = await lstat(join(outside, "tree/twin"));
  const tree = await lstat(join(outside, "tree"));
  expect([tool.mode & 0o7777, tool.mtimeMs, twin.ino === tool.ino]).toEqual([0o751, 1_000_250, true]);
  expect([tree.mode & 0o7777, tree.mtimeMs]).toEqual([0o555, 2_000_000]);
  // So that they can be removed.
  for (const folder of [root, outside]) await chmod(join(folder, "tree"), 0o755);
});

test.runIf(isRoot)("owners are the container's: its root's by default, the source's when they are kept", async () => {
  await using scene = await makeScene();
  const { root, outside } = scene;
  const map = [{ containerId: 0, hostId: 200_000, size: 65_536 }];
  const ids = { uidMap: map, gidMap: map };
  await writeFile(join(outside, "file"), "");
  await chown(join(outside, "file"), 1000, 1001);
  await chmod(join(outside, "file"), 0o6755);
  await copyIn(join(outside, "file"), root, "root's", { ids });
  await copyIn(join(outside, "file"), root, "kept", { ids, owners: true });
  await copyOut(root, "kept", join(outside, "mine"), { ids });
  await copyOut(root, "kept", join(outside, "again"), { ids, owners: true });
  expect(await facts(join(root, "root's"))).toEqual([200_000, 200_000, 0o755]);
  expect(await facts(join(root, "kept"))).toEqual([201_000, 201_001, 0o6755]);
  expect(await facts(join(outside, "mine"))).toEqual([0, 0, 0o755]);
  expect(await facts(join(outside, "again"))).toEqual([1000, 1001, 0o6755]);
});

async function facts(path: string): Promise<readonly number[]> {
  const { uid, gid, mode } = await lstat(path);
  return [uid, gid, mode & 0o7777];
}

test("FIFOs are left out and told, and nobody waits for their other end", async () => {
  await using scene = await makeScene();
  await mkdir(join(scene.root, "tree"));
  execFileSync("mkfifo", [join(scene.root, "tree/pipe")]);
  expect(await copyOut(scene.root, "tree", scene.outside)).toMatchObject({
    folders: 1,
    skipped: [{ path: "pipe", reason: "a fifo" }],
  });
});

test("a file that the kernel makes up is copied with what it says", async () => {
  await using scene = await makeScene();
  await copyOut("/proc/self", "status", scene.outside);
  expect(await readFile(join(scene.outside, "status"), "utf8")).toMatch(/^Name:/);
});

test("names that are not UTF-8 keep their bytes", async () => {
  await using scene = await makeScene();
  await mkdir(join(scene.root, "tree"));
  await writeFile(Buffer.concat([Buffer.from(`${scene.root}/tree/`), Buffer.from([0x66, 0xff])]), "raw");
  await copyOut(scene.root, "tree/.", scene.outside);
  expect(readdirSync(scene.outside, { encoding: "buffer" })).toEqual([Buffer.from([0x66, 0xff])]);
});

test("as a stream a copy is a tar that GNU tar reads, and one that goes in again", async () => {
  await using scene = await makeScene();
  const { root, outside } = scene;
  await mkdir(join(root, "srv/tree/sub"), { recursive: true });
  await writeFile(join(root, "srv/tree/sub/leaf"), "leaf");
  await link(join(root, "srv/tree/sub/leaf"), join(root, "srv/tree/twin"));
  await symlink("sub/leaf", join(root, "srv/tree/link"));
  const tar = await tarOut(root, "srv/tree");
  expect(execFileSync("tar", ["-tf", "-"], { input: tar, encoding: "utf8" })).toBe(
    "tree/\ntree/link\ntree/sub/\ntree/sub/leaf\ntree/twin\n",
  );
  await mkdir(join(root, "again"));
  await copyIn(Readable.from([gzipSync(tar)]), root, "/again");
  await copyOut(root, "again/tree/.", join(outside, "tree"));
  expect(await filesOf(join(outside, "tree"))).toEqual({ "sub/leaf": "leaf", twin: "leaf" });
  expect(await readlink(join(outside, "tree/link"))).toBe("sub/leaf");
});

test("the contents of a folder are a tar without its name, a file one with it", async () => {
  await using scene = await makeScene();
  await mkdir(join(scene.root, "tree"));
  await writeFile(join(scene.root, "tree/leaf"), "leaf");
  const list = async (path: string): Promise<string> =>
    execFileSync("tar", ["-tf", "-"], { input: await tarOut(scene.root, path), encoding: "utf8" });
  expect(await list("tree/.")).toBe("./\nleaf\n");
  expect(await list("/tree/leaf")).toBe("leaf\n");
});

test("a tar goes into a folder that must be there", async () => {
  await using scene = await makeScene();
  await writeFile(join(scene.root, "file"), "");
  await expect(copyIn(Readable.from([tarOf({ path: "x" })]), scene.root, "nowhere")).rejects.toThrow(
    'Cannot copy a tar to "nowhere": it is not there',
  );
  await expect(copyIn(Readable.from([tarOf({ path: "x" })]), scene.root, "file")).rejects.toThrow("it is no folder");
});

test("a tar's files reach folders through the container's own links", async () => {
  await using scene = await makeScene();
  await mkdir(join(scene.root, "usr/bin"), { recursive: true });
  await symlink("usr/bin", join(scene.root, "bin"));
  await copyIn(Readable.from([tarOf({ path: "bin/tool", body: "tool" })]), scene.root, "/");
  expect(await filesOf(scene.root)).toEqual({ "usr/bin/tool": "tool" });
});

const hostile: readonly (readonly [string, readonly Entry[]])[] = [
  ["a name that climbs out", [{ path: "../evil", body: "x" }]],
  ["a name that climbs out on the way", [{ path: "a/../../evil", body: "x" }]],
  ["a hard link to what is outside", [{ path: "evil", type: "hardlink", linkname: "../outside/secret" }]],
  [
    "a file through a link of the tar",
    [
      { path: "a", type: "symlink", linkname: "../../outside" },
      { path: "a/evil", body: "x" },
    ],
  ],
  [
    "a file through an absolute one",
    [
      { path: "a", type: "symlink", linkname: "/outside" },
      { path: "a/evil", body: "x" },
    ],
  ],
  [
    "a folder over a link that is there",
    [
      { path: "linked", type: "directory" },
      { path: "linked/evil", body: "x" },
    ],
  ],
];

test.each(hostile)("a tar with %s fails and leaves nothing outside", async (_, entries) => {
  await using scene = await makeScene();
  const { root, outside } = scene;
  await writeFile(join(outside, "secret"), "secret");
  await mkdir(join(root, "dest"));
  await mkdir(join(root, "outside"));
  await symlink(outside, join(root, "dest/linked"));
  await expect(copyIn(Readable.from([tarOf(...entries)]), root, "/dest")).rejects.toThrow("Cannot copy");
  expect(await filesOf(outside)).toEqual({ secret: "secret" });
  expect(await readdir(join(root, "outside"))).toEqual([]);
  expect((await lstat(join(outside, "secret"))).nlink).toBe(1);
});

test("an absolute name begins at the destination, and a link that is there is replaced and not written through", async () => {
  await using scene = await makeScene();
  const { root, outside } = scene;
  await writeFile(join(outside, "passwd"), "host");
  await mkdir(join(root, "dest/etc"), { recursive: true });
  await symlink(join(outside, "passwd"), join(root, "dest/etc/passwd"));
  await copyIn(Readable.from([tarOf({ path: "/etc/passwd", body: "new" })]), root, "/dest");
  expect(await filesOf(root)).toEqual({ "dest/etc/passwd": "new" });
  expect(await readFile(join(outside, "passwd"), "utf8")).toBe("host");
});

test("a damaged tar leaves no file half-written", async () => {
  await using scene = await makeScene();
  await mkdir(join(scene.root, "dest"));
  const tar = tarOf({ path: "whole", body: "whole" }, { path: "half", body: "x".repeat(2000) }).subarray(0, 2500);
  await expect(copyIn(Readable.from([tar]), scene.root, "/dest")).rejects.toMatchObject({ code: "INVALID_ARCHIVE" });
  expect(await filesOf(scene.root)).toEqual({ "dest/whole": "whole" });
});

test("folders that are there stay as they are, and a second name of a file may be written again", async () => {
  await using scene = await makeScene();
  await mkdir(join(scene.root, "dest"));
  await chmod(join(scene.root, "dest"), 0o1777);
  const tar = tarOf(
    { path: ".", type: "directory", mode: 0o700 },
    { path: "a", body: "a" },
    { path: "b", type: "hardlink", linkname: "a" },
  );
  await copyIn(Readable.from([tar]), scene.root, "/dest");
  await copyIn(Readable.from([tarOf({ path: "b", type: "hardlink", linkname: "a" })]), scene.root, "/dest");
  expect(statSync(join(scene.root, "dest")).mode & 0o7777).toBe(0o1777);
  expect(await filesOf(scene.root)).toEqual({ "dest/a": "a", "dest/b": "a" });
});

const isolated = ["--user", "--map-root-user", "--mount", "--fork", "--kill-child"];
const unshares = spawnSync("unshare", [...isolated, "true"]).status === 0;

test.runIf(unshares)("what is mounted in the container stays mounted: a file of it is not replaced", async () => {
  await using scene = await makeScene();
  const { root, outside } = scene;
  await Promise.all(["mine", "theirs"].map((name) => writeFile(join(root, name), name)));
  const script = 'mount --bind "$1/mine" "$1/theirs" && echo $$ && exec sleep 100';
  const child = spawn("unshare", [...isolated, "sh", "-c", script, "sh", root], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    const inside = `/proc/${String(await once(child.stdout, "data")).trim()}/root${root}`;
    await writeFile(join(outside, "theirs"), "new");
    await expect(copyIn(join(outside, "theirs"), inside, "/")).rejects.toThrow("something is mounted on it");
    expect(await readFile(join(inside, "theirs"), "utf8")).toBe("mine");
    expect(await readFile(join(root, "theirs"), "utf8")).toBe("theirs");
    expect((await readdir(root)).toSorted()).toEqual(["mine", "theirs"]);
  } finally {
    child.kill("SIGKILL");
  }
});

test("CVE-2018-15664: while folders become links a copy takes nothing from outside and puts nothing there", async () => {
  await using scene = await makeScene();
  const { root, outside } = scene;
  await mkdir(join(outside, "host/deep"), { recursive: true });
  await writeFile(join(outside, "host/deep/flag"), "of the host");
  await mkdir(join(root, "tree/deep"), { recursive: true });
  await writeFile(join(root, "tree/deep/flag"), "of the container");
  await symlink(join(outside, "host"), join(root, "link"));
  const read = new Set<boolean>();
  const naive = new Set<string>();
  await whileSwapping(join(root, "tree"), join(root, "link"), async () => {
    for (let round = 0; round < 200; round++) {
      const tar = await tarOut(root, "tree").then(String, () => "failed");
      expect(tar).not.toContain("of the host");
      read.add(tar.includes("of the container"));
      naive.add(await readFile(join(root, "tree/deep/flag"), "utf8").catch(() => ""));
      await copyIn(Readable.from([tarOf({ path: "deep/evil", body: "evil" })]), root, "tree").catch(() => undefined);
    }
  });
  expect(await filesOf(outside)).toEqual({ "host/deep/flag": "of the host" });
  expect([...naive]).toContain("of the host");
  expect([...read]).toContain(true);
});

type Entry = Partial<TarHeaderInput> & { readonly path: string; readonly body?: string };

function tarOf(...entries: readonly Entry[]): Buffer {
  const parts = entries.flatMap(({ body = "", ...header }) => [
    encodeTarHeader({ type: "file", mode: 0o755, uid: 0, gid: 0, mtime: 1000, size: body.length, ...header }),
    Buffer.from(body),
    Buffer.alloc((512 - (body.length % 512)) % 512),
  ]);
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

async function tarOut(root: string, path: string): Promise<Buffer> {
  const stream = new PassThrough();
  const tar = buffer(stream);
  try {
    await copyOut(root, path, stream);
  } finally {
    stream.end();
  }
  return tar;
}

/** Contents of all files below a folder by path; links left out. */
async function filesOf(folder: string): Promise<Readonly<Record<string, string>>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(
    await Promise.all(files.map(async (file) => [file.slice(folder.length + 1), await readFile(file, "utf8")])),
  );
}

/** A container's root, and a folder beside it. */
async function makeScene(): Promise<AsyncDisposable & { readonly root: string; readonly outside: string }> {
  const folder = await temporaryFolder();
  const root = join(folder.path, "root");
  const outside = join(folder.path, "outside");
  await mkdir(root);
  await mkdir(outside);
  return { root, outside, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}
