import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, lstat, mkdir } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import {
  digestOf,
  encodeTarHeader,
  extractImage,
  type IndexedEntry,
  indexLayer,
  type Layer,
  mediaTypes,
  type TarHeaderInput,
  tarTrailerSize,
  Tree,
  type TreeNode,
} from "@lading/oci";
import { temporaryFolder } from "@lading/testkit";
import { expect, test } from "vitest";
import { lowerOf } from "../base/base.ts";
import type { LayerEntry } from "../entry.ts";
import { LayerBytes } from "../pack/layer-bytes.ts";
import { type Lower, nothing } from "../plan/lower.ts";
import { capturedChanges } from "./captured-changes.ts";

type Made = Partial<TarHeaderInput> & { readonly path: string };
const isRoot = process.getuid?.() === 0;

const directory = (path: string, more: Partial<TarHeaderInput> = {}): Made => ({
  path,
  type: "directory",
  mode: 0o755,
  ...more,
});
const whiteout = (path: string): Made => ({ path, type: "char", mode: 0 });
const opaque = new Map([["trusted.overlay.opaque", Buffer.from("y")]]);

/** What an overlay might have left in a folder. */
async function unpack(folder: string, made: readonly Made[]): Promise<void> {
  const tar = spawn("tar", ["-x", "--xattrs", "--xattrs-include=*", "-p", "--numeric-owner", "-C", folder], {
    stdio: ["pipe", "inherit", "inherit"],
  });
  const closed = once(tar, "close");
  const headers = made.map((header) => encodeTarHeader({ ...defaults, ...header }));
  await pipeline(Readable.from([...headers, new Uint8Array(tarTrailerSize)]), tar.stdin);
  await closed;
  expect(tar.exitCode).toBe(0);
}
const defaults = { type: "file", mode: 0o644, uid: 0, gid: 0, size: 0, mtime: 1000 } as const;

function below(...made: readonly Made[]): Lower {
  const names = { uname: "", gname: "", linkname: "", devmajor: 0, devminor: 0, xattrs: new Map() };
  const entries = made.map((header): IndexedEntry => ({ kind: "node", header: { ...names, ...defaults, ...header } }));
  return lowerOf(Tree.of([{ entries }]));
}

async function captured(
  made: readonly Made[],
  lower: Lower = nothing,
  latest?: number,
): Promise<readonly LayerEntry[]> {
  await using folder = await temporaryFolder();
  await chmod(folder.path, 0o755);
  await unpack(folder.path, made);
  return await capturedChanges(folder.path, { lower, latest });
}
const shown = (entries: readonly LayerEntry[]): string[] =>
  entries.map((entry) =>
    [`${entry.type} ${entry.path}`, ...("linkname" in entry ? [entry.linkname] : [])].join(" -> "),
  );

test("a new file is there with the folders above it, and what else was touched is not", async () => {
  const lower = below(directory("usr"), directory("usr/bin"), directory("var"));
  const made = [directory("usr"), directory("usr/bin"), { path: "usr/bin/tool", mode: 0o755 }, directory("var")];
  expect(shown(await captured(made, lower))).toEqual(["directory usr", "directory usr/bin", "file usr/bin/tool"]);
});

test("a folder that got another mode is there", async () => {
  const lower = below(directory("usr"), directory("var"));
  const made = [directory("usr"), directory("var", { mode: 0o700 })];
  expect(await captured(made, lower)).toEqual([
    { path: "var", type: "directory", mode: 0o700, uid: 0, gid: 0, mtime: 1000 },
  ]);
});

test.runIf(isRoot)(
  "owners, setuid bits, capabilities, devices and FIFOs are kept, and a link to a file stays one",
  async () => {
    const capability = new Map([["security.capability", Uint8Array.of(1, 0, 0, 2, 0, 0x20, ...new Uint8Array(14))]]);
    const entries = await captured([
      { path: "z", mode: 0o4755, uid: 1000, gid: 1001 },
      { path: "ping", mode: 0o755, xattrs: capability },
      { path: "a", type: "hardlink", linkname: "z" },
      { path: "disk", type: "block", devmajor: 259, devminor: 70_000 },
      { path: "pipe", type: "fifo" },
      { path: "link", type: "symlink", linkname: "../else\udcff" },
    ]);
    expect(shown(entries)).toEqual([
      "file a",
      "block disk",
      "symlink link -> ../else\udcff",
      "file ping",
      "fifo pipe",
      "hardlink z -> a",
    ]);
    expect(entries[0]).toMatchObject({ mode: 0o4755, uid: 1000, gid: 1001 });
    expect(entries[1]).toMatchObject({ devmajor: 259, devminor: 70_000 });
    expect(entries[3]?.xattrs).toEqual(capability);
  },
);

test("with one owner for all, what was there keeps its own", async () => {
  await using folder = await temporaryFolder();
  await chmod(folder.path, 0o755);
  const lower = below(directory("home", { uid: 5, gid: 6 }), { path: "home/old", uid: 7, gid: 8 });
  await unpack(folder.path, [directory("home"), { path: "home/old" }, { path: "home/new" }]);
  const entries = await capturedChanges(folder.path, { lower, singleOwner: true });
  const { uid, gid } = await lstat(join(folder.path, "home/new"));
  expect(entries.map((entry) => [entry.path, entry.uid, entry.gid])).toEqual([
    ["home", 5, 6],
    ["home/new", uid, gid],
    ["home/old", 7, 8],
  ]);
});

test.runIf(isRoot)("what is gone is removed where there was something, and only there", async () => {
  const lower = below(directory("etc"), { path: "etc/group" }, directory("srv"), { path: "srv/old" }, directory("opt"));
  const entries = await captured(
    [
      directory("etc"),
      whiteout("etc/group"),
      whiteout("etc/never"),
      directory("new", { xattrs: opaque }),
      directory("opt", { xattrs: opaque }),
      directory("srv", { xattrs: opaque }),
      { path: "srv/a" },
      whiteout("srv/old"),
      whiteout("srv-gone"),
    ],
    lower,
  );
  expect(shown(entries)).toEqual([
    "directory etc",
    "whiteout etc/group",
    "directory new",
    "directory srv",
    "opaque srv",
    "file srv/a",
  ]);
  expect(entries.every(({ xattrs }) => xattrs === undefined)).toBe(true);
});

test("the image's root is there when it got another mode", async () => {
  const entries = await captured([], below(directory("", { mode: 0o700 })));
  expect(entries).toEqual([{ path: "", type: "directory", mode: 0o755, uid: 0, gid: 0, mtime: expect.any(Number) }]);
  expect(await captured([], below(directory("")))).toEqual([]);
});

test("times after a given one become that", async () => {
  const entries = await captured(
    [
      { path: "a", mtime: 5 },
      { path: "b", mtime: 50 },
    ],
    nothing,
    10,
  );
  expect(entries.map(({ mtime }) => mtime)).toEqual([5, 10]);
});

test("a socket is left out", async () => {
  await using folder = await temporaryFolder();
  await chmod(folder.path, 0o755);
  const server = createServer();
  server.listen(`${folder.path}/socket`);
  await once(server, "listening");
  try {
    expect(shown(await capturedChanges(folder.path, { lower: nothing }))).toEqual([]);
  } finally {
    server.close();
  }
});

test("names are in the order of their bytes, whatever they are", async () => {
  const entries = await captured([directory("a"), { path: "a/x" }, { path: "a-b" }, { path: "a\udcff" }]);
  expect(shown(entries)).toEqual(["directory a", "file a-b", "file a/x", "file a\udcff"]);
});

/** What happens to files in practice, each in a way of its own. */
const deeds = `
  echo more >> grown; chmod 600 quiet; chown 5:6 owned; rm gone; rm -r folder/inner; ln hard hard-too; ln grown linked
  rm -r replaced; mkdir -p replaced/by; echo x > replaced/by/file; rm -r was-folder; echo file > was-folder
  rm was-file; mkdir was-file; mkfifo pipe; ln -s nowhere link; mkdir -p new/er; touch new/er/file; chmod 1777 new/er
  mv moved folder/; touch -d @5 quiet; setcap cap_net_raw+ep grown; rm -r emptied; mkdir emptied; touch folder/back
  rm folder/back; chmod 4755 hard`;

test.runIf(isRoot && existsSync("/usr/sbin/setcap"))(
  "laid on what was there, the layer gives what the overlay showed",
  async () => {
    await using place = await temporaryFolder();
    const at = (name: string): string => join(place.path, name);
    for (const name of ["upper", "work", "root", "again"]) await mkdir(at(name), { mode: 0o755 });
    const names = ["grown", "quiet", "owned", "gone", "hard", "was-file", "moved", "folder/inner/a", "folder/b"];
    const files = [...names, "replaced/a", "was-folder/a/b", "emptied/a", "kept/a"].map((path): Made => ({ path }));
    const headers = files.map((header) => encodeTarHeader({ ...defaults, ...header }));
    const lowerLayer = layerOf(Buffer.concat([...headers, new Uint8Array(tarTrailerSize)]));
    await extractImage({ layers: [lowerLayer] }, at("lower"), { owners: true });

    const script = `mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work,metacopy=off overlay root && cd root && ${deeds}
    tar -c --sort=name --xattrs --xattrs-include=security.capability --format=pax .`;
    const { stdout: shownTar } = await execute("unshare", ["--mount", "sh", "-ec", script], {
      cwd: place.path,
      encoding: "buffer",
      env: { ...process.env, PATH: `${process.env["PATH"]}:/usr/sbin` },
    });

    const lower = lowerOf(Tree.of([await indexLayer(lowerLayer.open())]));
    const entries = await capturedChanges(at("upper"), { lower });
    const upperLayer = layerOf(await tarOf(entries));
    const both = Tree.of([await indexLayer(lowerLayer.open()), await indexLayer(upperLayer.open())]);
    const shownTree = Tree.of([await indexLayer(layerOf(shownTar).open())]);
    expect(described(both)).toEqual(described(shownTree));
    expect(shown(entries)).toContain("whiteout gone");
  },
);

const execute = promisify(execFile);

async function tarOf(entries: readonly LayerEntry[]): Promise<Uint8Array> {
  const bytes = new LayerBytes(entries);
  const parts: Uint8Array[] = [];
  while (!bytes.done) {
    const buffer = new Uint8Array(1 << 16);
    parts.push(buffer.subarray(0, await bytes.read(buffer)));
  }
  return Buffer.concat(parts);
}

function layerOf(tar: Uint8Array): Layer {
  const digest = digestOf(tar);
  return {
    descriptor: { mediaType: mediaTypes.ociLayer, digest, size: tar.length },
    diffId: digest,
    async *open() {
      yield tar;
    },
  };
}

/** All that a program could see, but when a folder was written to. */
function described(tree: Tree): readonly string[] {
  const names = new Map<TreeNode["inode"], string>();
  return [...tree].map(({ path, inode, header }) => {
    const { type, mode, uid, gid, size, mtime, linkname, xattrs } = header;
    if (!names.has(inode)) names.set(inode, path);
    const time = type === "directory" ? "" : Math.floor(mtime);
    const attributes = Array.from(xattrs, ([name, value]) => `${name}=${Buffer.from(value).toString("hex")}`).join();
    const target = type === "symlink" ? linkname : names.get(inode);
    return `${path} ${type} ${mode.toString(8)} ${uid}:${gid} ${size} ${time} ${target} ${attributes}`;
  });
}
