import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { encodeTarHeader, tarTrailerSize } from "@lading/oci";
import { cases, casesIn, temporaryFolder } from "@lading/testkit";
import { expect, onTestFinished, test, vi } from "vitest";
import * as z from "zod";
import { BuildError } from "../errors.ts";
import { listLayer } from "./list.ts";
import type { ListedEntry } from "./listing.ts";
import { type AddSpec, buildSpecSchema } from "../spec.ts";

async function folderFor(): Promise<string> {
  const folder = await temporaryFolder();
  onTestFinished(() => folder[Symbol.asyncDispose]());
  return folder.path;
}

async function unpack(context: string, src: string, more: object = {}): Promise<ListedEntry[]> {
  const spec = buildSpecSchema.parse({ layers: [{ add: [{ src, dest: "/", unpack: true, ...more }] }] });
  const add: AddSpec[] = spec.layers?.[0]?.add ?? [];
  return listLayer({ add }, { context, timestamp: 1, cacheDir: join(context, "cache") });
}

async function failure(listing: Promise<unknown>): Promise<string> {
  const error: unknown = await listing.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof BuildError)) throw new TypeError("expected a BuildError", { cause: error });
  return `${error.code}: ${error.message}`;
}

async function textOf(entry: ListedEntry | undefined): Promise<string> {
  if (entry?.type !== "file" || entry.content.kind !== "member") throw new TypeError("expected a member");
  return text(Readable.from(entry.content.open()));
}

interface Member {
  readonly path: string;
  readonly type?: "file" | "hardlink" | "symlink" | "char" | "directory";
  readonly text?: string;
  readonly linkname?: string;
  readonly xattrs?: ReadonlyMap<string, Uint8Array>;
}

/** A tar of these members, as strange as they are. */
function tarOf(members: readonly Member[]): Buffer {
  const parts = members.flatMap(({ path, type = "file", text = "", linkname = "", xattrs }) => {
    const header = encodeTarHeader({
      path,
      mode: 0o640,
      uid: 5,
      gid: 6,
      mtime: 1000,
      ...(xattrs === undefined ? {} : { xattrs }),
      ...(type === "file"
        ? { type, size: text.length }
        : type === "char"
          ? { type, devmajor: 0, devminor: 0 }
          : type === "directory"
            ? { type }
            : { type, linkname }),
    });
    return [header, Buffer.from(text), Buffer.alloc(-text.length & 511)];
  });
  return Buffer.concat([...parts, Buffer.alloc(tarTrailerSize)]);
}

async function unpackMembers(members: readonly Member[], more: object = {}): Promise<ListedEntry[]> {
  const context = await folderFor();
  writeFileSync(join(context, "a.tar"), tarOf(members));
  return unpack(context, "a.tar", more);
}

/** A root file system as busybox images have it. */
async function busybox(): Promise<string> {
  const context = await folderFor();
  mkdirSync(join(context, "root/bin"), { recursive: true });
  writeFileSync(join(context, "root/bin/["), "#!program", { mode: 0o755 });
  for (let i = 0; i < 440; i++) linkSync(join(context, "root/bin/["), join(context, `root/bin/applet${i}`));
  symlinkSync("/bin/[", join(context, "root/bin/sh"));
  mkdirSync(join(context, "root/tmp"));
  execFileSync("chmod", ["1777", join(context, "root/tmp")]);
  return context;
}

const compressions = ["none", "gzip", "bzip2", "xz", "zstd"] as const;

test.each(compressions)("an archive with %s keeps its hundreds of hardlinks, modes and owners", async (compression) => {
  const context = await busybox();
  const flag = compression === "none" ? [] : [`--${compression}`];
  execFileSync("tar", [
    "-C",
    join(context, "root"),
    "--owner=7",
    "--group=8",
    "--mtime=@99.5",
    ...flag,
    "-cf",
    join(context, "a"),
    ".",
  ]);
  const listed = await unpack(context, "a");
  expect(listed.filter(({ type }) => type === "hardlink")).toHaveLength(440);
  const [bin, file, link] = listed;
  expect(bin).toMatchObject({ path: "bin", type: "directory", mode: 0o755, owner: { uid: 7, gid: 8 }, mtime: 99 });
  expect(file).toMatchObject({ path: "bin/[", type: "file", mode: 0o755, size: 9, origin: "a: ./bin/[" });
  expect(link).toMatchObject({ path: "bin/applet0", type: "hardlink", linkname: "bin/[" });
  expect(listed.find(({ path }) => path === "bin/sh")).toMatchObject({ type: "symlink", linkname: "/bin/[" });
  expect(listed.find(({ path }) => path === "tmp")).toMatchObject({ mode: 0o1777 });
  expect([await textOf(file), await textOf(file)]).toEqual(["#!program", "#!program"]);
});

test("several streams of one compression in a row are one archive", async () => {
  const context = await folderFor();
  const tar = tarOf([{ path: "f", text: "x".repeat(5000) }]);
  for (const [tool, at] of [
    ["gzip", 700],
    ["bzip2", 700],
    ["xz", 700],
    ["zstd", 700],
  ] as const) {
    const parts = [tar.subarray(0, at), tar.subarray(at)].map((part) => execFileSync(tool, ["-c"], { input: part }));
    writeFileSync(join(context, tool), Buffer.concat(parts));
    expect(await textOf((await unpack(context, tool))[0])).toBe("x".repeat(5000));
  }
});

test("nothing is left of what a compressed archive was unpacked to", async () => {
  const context = await busybox();
  execFileSync("tar", ["-C", join(context, "root"), "-czf", join(context, "a.tgz"), "."]);
  await unpack(context, "a.tgz");
  expect(readdirSync(join(context, "cache/tmp"))).toEqual([]);
});

test("what is to have the build's time has it, whatever the archive says", async () => {
  const members = [{ path: "f", text: "x" }];
  expect(await unpackMembers(members, { mtime: "epoch" })).toMatchObject([{ path: "f", mtime: 1 }]);
  expect(await unpackMembers(members, {})).toMatchObject([{ path: "f", mtime: 1000 }]);
});

test("the description's word goes before the archive's", async () => {
  const listed = await unpackMembers(
    [
      { path: "d", type: "directory" },
      { path: "d/f", text: "x" },
    ],
    { dest: "/opt", owner: "1:2", mtime: 5, mode: "0600", dirMode: "u+x,g=,o=", xattrs: { "user.a": "b" } },
  );
  expect(listed).toMatchObject([
    { path: "opt/d", mode: 0o700, owner: { uid: 1, gid: 2 }, mtime: 5 },
    {
      path: "opt/d/f",
      mode: 0o600,
      owner: { uid: 1, gid: 2 },
      mtime: 5,
      xattrs: new Map([["user.a", Buffer.from("b")]]),
    },
  ]);
});

test("hardlinks lead to where their target comes to lie", async () => {
  const listed = await unpackMembers(
    [
      { path: "./z", text: "1" },
      { path: "a", type: "hardlink", linkname: "./z" },
      { path: "b", type: "hardlink", linkname: "/a" },
    ],
    { dest: "/opt/x" },
  );
  expect(listed).toMatchObject([
    { path: "opt/x/a", type: "file" },
    { path: "opt/x/b", type: "hardlink", linkname: "opt/x/a" },
    { path: "opt/x/z", type: "hardlink", linkname: "opt/x/a" },
  ]);
  expect(await textOf(listed[0])).toBe("1");
});

test("a later member replaces an earlier one; its other names keep what they had", async () => {
  const listed = await unpackMembers([
    { path: "a", text: "old" },
    { path: "b", type: "hardlink", linkname: "a" },
    { path: "a", text: "new" },
    { path: "d/f", text: "gone" },
    { path: "d", type: "directory" },
    { path: "d", text: "file" },
  ]);
  expect(listed.map(({ path, type }) => [path, type])).toEqual([
    ["a", "file"],
    ["b", "file"],
    ["d", "file"],
  ]);
  expect(await Promise.all(listed.map(textOf))).toEqual(["new", "old", "file"]);
});

test("a folder brings what it holds, and include and exclude choose", async () => {
  const members: Member[] = [
    { path: "usr", type: "directory" },
    { path: "usr/bin", type: "directory" },
    { path: "usr/bin/tool", text: "x" },
    { path: "usr/alias", type: "hardlink", linkname: "usr/bin/tool" },
    { path: "doc", type: "directory" },
    { path: ".wh.etc" },
  ];
  const paths = async (more: object): Promise<string[]> => (await unpackMembers(members, more)).map(({ path }) => path);
  expect(await paths({ include: "usr/bin/*" })).toEqual(["usr", "usr/bin", "usr/bin/tool"]);
  expect(await paths({ exclude: ["usr/bin", ".wh.*"] })).toEqual(["doc", "usr", "usr/alias"]);
  expect(await failure(unpackMembers(members, { include: "nothing" }))).toContain("SOURCE_MISSING");
});

test("names lead through the archive's own symlinks, and never out", async () => {
  const listed = await unpackMembers([
    { path: "usr/lib", type: "directory" },
    { path: "lib", type: "symlink", linkname: "/usr/lib" },
    { path: "lib/x", text: "1" },
    { path: "out", type: "symlink", linkname: "../../../etc" },
    { path: "out/passwd", text: "2" },
  ]);
  expect(listed.map(({ path }) => path)).toEqual(["etc/passwd", "lib", "out", "usr/lib", "usr/lib/x"]);
});

test.each([
  ["climbs", [{ path: "../x" }], 'Cannot unpack "../x" of "a.tar": it climbs by ".."'],
  ["climbs within", [{ path: "a/../../x" }], "it climbs"],
  ["links out", [{ path: "h", type: "hardlink", linkname: "../etc/passwd" }], "it climbs"],
  ["links to nothing", [{ path: "h", type: "hardlink", linkname: "h" }], "which is no file before it"],
  ["lies in a file", [{ path: "f" }, { path: "f/g" }], '"f", which it lies in, is no folder'],
  ["goes round", [{ path: "l", type: "symlink", linkname: "l" }, { path: "l/x" }], "round in circles"],
  ["replaces the top", [{ path: "./", type: "symlink", linkname: "/etc" }], "no folder"],
  ["is a whiteout", [{ path: "etc/.wh.passwd" }], "for deletions"],
  ["lies in a whiteout", [{ path: ".wh.x/y" }], "for deletions"],
  ["is an overlay deletion", [{ path: "etc", type: "char" }], "0:0"],
  [
    "hides by attribute",
    [{ path: "f", xattrs: new Map([["trusted.overlay.opaque", Buffer.from("y")]]) }],
    "trusted.overlay.opaque",
  ],
] satisfies [string, Member[], string][])("a member that %s is refused by name", async (_what, members, message) => {
  const said = await failure(unpackMembers(members));
  expect(said).toContain("SOURCE_UNREADABLE: Cannot unpack");
  expect(said).toContain(message);
});

test.each(compressions)("an archive with %s that ends early or is damaged is refused", async (compression) => {
  const context = await folderFor();
  const tar = join(context, "a.tar");
  writeFileSync(tar, tarOf([{ path: "f", text: Array.from({ length: 9000 }, (_, i) => String(i * i)).join() }]));
  const packed = join(context, "packed");
  if (compression === "none") copyFileSync(tar, packed);
  else writeFileSync(packed, execFileSync(compression, ["-c", tar]));
  const bytes = execFileSync("cat", [packed]);
  truncateSync(packed, Math.floor(bytes.length / 2));
  expect(await failure(unpack(context, "packed"))).toContain('SOURCE_UNREADABLE: Cannot unpack "packed":');
  bytes.fill(0xa5, 40, 60);
  writeFileSync(packed, bytes);
  expect(await failure(unpack(context, "packed"))).toContain('SOURCE_UNREADABLE: Cannot unpack "packed":');
});

test("what is no archive is refused with the way out", async () => {
  const context = await folderFor();
  writeFileSync(join(context, "page.html"), "<html>".repeat(200));
  writeFileSync(join(context, "empty"), "");
  expect(await failure(unpack(context, "page.html"))).toContain("does not begin with a tar header");
  expect(await failure(unpack(context, "empty"))).toContain("it is empty");
});

test("an archive that changes between listing and packing is not read", async () => {
  const context = await folderFor();
  const path = join(context, "a.tar");
  writeFileSync(path, tarOf([{ path: "f", text: "old" }]));
  const [entry] = await unpack(context, "a.tar");
  writeFileSync(path, tarOf([{ path: "f", text: "new!" }]));
  await expect(textOf(entry)).rejects.toThrow('Cannot unpack "a.tar": it changed since it was listed');
});

test("an archive that has not changed is not read again before its members are", async () => {
  const context = await busybox();
  const path = join(context, "a.tgz");
  execFileSync("tar", ["-C", join(context, "root"), "--xattrs", "-czf", path, "."]);
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 60_000 });
  onTestFinished(() => void vi.useRealTimers());
  const first = await unpack(context, "a.tgz");
  expect(readdirSync(join(context, "cache/archives"))).toHaveLength(1);

  const second = await unpack(context, "a.tgz");
  expect(JSON.stringify(second)).toBe(JSON.stringify(first));
  expect(await textOf(second[1])).toBe("#!program");

  // Only the record can tell of a member that the archive does not have; and what it tells is not believed blindly.
  const record = join(context, "cache/archives", readdirSync(join(context, "cache/archives"))[0] ?? "");
  writeFileSync(
    record,
    readFileSync(record, "utf8")
      .replaceAll("applet7", "recalled")
      .replace(/"digest":"(..)/, (_, before: string) => `"digest":"${before === "00" ? "ff" : "00"}`),
  );
  const third = await unpack(context, "a.tgz");
  expect(third.map((entry) => entry.path)).toContain("bin/recalled");
  await expect(textOf(third[1])).rejects.toThrow("it changed since it was listed");

  writeFileSync(record, "damaged");
  expect(JSON.stringify(await unpack(context, "a.tgz"))).toBe(JSON.stringify(first));
  writeFileSync(path, tarOf([{ path: "f", text: "other" }]));
  expect(await unpack(context, "a.tgz")).toMatchObject([{ path: "f" }]);
});

test("an archive that was written a moment ago is not remembered", async () => {
  const context = await folderFor();
  writeFileSync(join(context, "a.tar"), tarOf([{ path: "f", text: "x" }]));
  await unpack(context, "a.tar");
  expect(existsSync(join(context, "cache/archives"))).toBe(false);
});

const refused = new Set([
  "T01",
  "T06",
  "T12",
  "T12b",
  "T14a",
  "T14b",
  "T14c",
  "T14d",
  "T15",
  "T16",
  "T20",
  "T29b",
  "T30",
  "T36",
  "T38",
]);

test
  .runIf(cases !== undefined)
  .each(casesIn("hostile/tar-cases.json", z.object({ id: z.string(), file: z.string(), title: z.string() })))(
  "hostile archive $id: $title",
  async ({ id, file }) => {
    const context = await folderFor();
    copyFileSync(cases?.path(`hostile/${file}`) ?? "", join(context, "a.tar"));
    if (refused.has(id.split("-")[0] ?? "")) {
      expect(await failure(unpack(context, "a.tar"))).toContain("SOURCE_UNREADABLE");
      return;
    }
    const listed = await unpack(context, "a.tar", { dest: "/jail" });
    for (const entry of listed) {
      expect(entry.path).toMatch(/^jail(?:\/|$)/);
      expect(entry.path.split("/")).not.toContain("..");
      if (entry.type === "hardlink") expect(listed.map(({ path }) => path)).toContain(entry.linkname);
    }
    expect(new Set(listed.map(({ path }) => path)).size).toBe(listed.length);
  },
);
