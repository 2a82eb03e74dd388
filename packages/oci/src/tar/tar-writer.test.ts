import { execFileSync } from "node:child_process";
import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { afterAll, describe, expect, test } from "vitest";
import { decodeBytestring } from "../bytestring.ts";
import { digestOf } from "../digest.ts";
import { readTar } from "./tar-reader.ts";
import { encodeTarHeader, type TarHeaderInput, tarHeaderSize, tarTrailerSize, writeTarHeader } from "./tar-writer.ts";

const file = (path: string, rest: Partial<TarHeaderInput> = {}): TarHeaderInput => ({
  path,
  type: "file",
  mode: 0o644,
  uid: 0,
  gid: 0,
  mtime: 1,
  ...rest,
});

test.each<[string, TarHeaderInput]>([
  ["a short name", file("bin/tool")],
  ["a name of 100 bytes", file("n".repeat(100))],
  ["a long path with a short name, split at a slash", file(`${"d/".repeat(70)}name`)],
  ["a directory of 99 bytes and its slash", file("d".repeat(99), { type: "directory" })],
  ["the largest octal size and owner", file("big", { size: 8 ** 11 - 1, uid: 8 ** 7 - 1, gid: 8 ** 7 - 1 })],
])("%s takes one block", (_what, header) => {
  expect(encodeTarHeader(header)).toHaveLength(512);
});

test.each<[string, TarHeaderInput, string]>([
  ["a name of 101 bytes without a slash", file("n".repeat(101)), `111 path=${"n".repeat(101)}\n`],
  ["a name that is not ASCII", file("na\u00efve"), "15 path=na\u00efve\n"],
  ["a directory of 100 bytes", file("d".repeat(100), { type: "directory" }), `111 path=${"d".repeat(100)}/\n`],
  ["8 GiB", file("big", { size: 8 ** 11 }), "19 size=8589934592\n"],
  ["a large owner", file("a", { uid: 8 ** 7, gid: 8 ** 7 }), "15 gid=2097152\n15 uid=2097152\n"],
  ["a time with a fraction", file("a", { mtime: 1.5 }), "13 mtime=1.5\n"],
  ["a time before 1970", file("a", { mtime: -3 }), "12 mtime=-3\n"],
  [
    "a long link target",
    file("l", { type: "symlink", linkname: "t".repeat(101) }),
    `115 linkpath=${"t".repeat(101)}\n`,
  ],
  [
    "extended attributes, sorted",
    file("a", {
      xattrs: new Map([
        ["user.b", Buffer.from("\0=\n")],
        ["user.a", Buffer.from("1")],
      ]),
    }),
    "25 SCHILY.xattr.user.a=1\n27 SCHILY.xattr.user.b=\0=\n\n",
  ],
])("%s goes into a PAX header", (_what, header, records) => {
  const bytes = Buffer.from(encodeTarHeader(header));
  expect(bytes.toString("utf8", 512, 512 + Buffer.byteLength(records))).toBe(records);
  expect(bytes.toString("latin1", 156, 157)).toBe("x");
  expect(bytes.byteLength).toBe(tarHeaderSize(header));
  expect(bytes.byteLength % 512).toBe(0);
});

test("many headers go into one buffer, whatever it held before", () => {
  const headers = [file("a"), file("\u00fc"), file("b", { type: "directory" })];
  const target = Buffer.alloc(8192, 0xff);
  let at = 0;
  for (const header of headers) at += writeTarHeader(target, at, header);
  expect(target.subarray(0, at).equals(Buffer.concat(headers.map((header) => encodeTarHeader(header))))).toBe(true);
  expect(target.subarray(at).every((byte) => byte === 0xff)).toBe(true);
  expect(() => writeTarHeader(target, 8192 - 511, file("a"))).toThrow("512 bytes needed, 511 left");
});

test("the same header gives the same bytes for ever", () => {
  const header = file(`${"d\u00fc/".repeat(50)}name`, {
    mode: 0o4755,
    uid: 1000,
    gid: 2 ** 31,
    uname: "root",
    mtime: 1_700_000_000.25,
    size: 12,
    xattrs: new Map([["user.x", Uint8Array.of(0, 255)]]),
  });
  expect(digestOf(encodeTarHeader(header))).toBe(
    "sha256:b07a1d127f7a13291d426b94854886db8a5a36c27a12248fa957101a7f27ce55",
  );
});

test.each<[string, TarHeaderInput]>([
  ["path holds a NUL", file("a\0b")],
  ["linkpath holds a NUL", file("a", { type: "symlink", linkname: "x\0y" })],
  ["size -1 is out of range", file("a", { size: -1 })],
  ["uid 0.5 is out of range", file("a", { uid: 0.5 })],
  ["mtime NaN is out of range", file("a", { mtime: NaN })],
  ["device 3000000:0 is out of range", file("a", { type: "char", devmajor: 3_000_000 })],
  ['the attribute "user.=x"', file("a", { xattrs: new Map([["user.=x", new Uint8Array(0)]]) })],
  ["more than readers take", file("a", { xattrs: new Map([["user.x", new Uint8Array(1 << 20)]]) })],
])("what no tar can hold is refused: %s", (message, header) => {
  expect(() => encodeTarHeader(header)).toThrow(TypeError);
  expect(() => encodeTarHeader(header)).toThrow(message);
});

const hasTar = (() => {
  try {
    return execFileSync("tar", ["--version"]).toString().startsWith("tar (GNU tar)");
  } catch {
    return false;
  }
})();

describe.runIf(hasTar)("GNU tar as a judge", () => {
  const folder = mkdtempSync(join(tmpdir(), "lading-tar-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const body = Buffer.from("hello");
  const headers: TarHeaderInput[] = [
    file("dir", { type: "directory", mode: 0o755 }),
    file("dir/plain", { size: 5, mtime: 1_700_000_000 }),
    file(`dir/${"long".repeat(30)}`, { size: 5 }),
    file("dir/na\u00efve \u{1f600}", { size: 5 }),
    file("dir/raw\udcff\udc80", { size: 5 }),
    file(`dir/raw\udcff${"long".repeat(30)}`, { size: 5 }),
    file("dir/link", { type: "symlink", linkname: "/some/\udcff/where", mode: 0o777 }),
    file("dir/hard", { type: "hardlink", linkname: "dir/na\u00efve \u{1f600}" }),
    file("dir/huge-owner", { uid: 2 ** 31, gid: 2 ** 21, size: 5, mtime: -1.5 }),
  ];
  const tar = Buffer.concat([
    ...headers.flatMap((header) => [
      encodeTarHeader(header),
      ...(header.size === undefined ? [] : [body, Buffer.alloc(507)]),
    ]),
    Buffer.alloc(tarTrailerSize),
  ]);

  test.each(["C", "C.UTF-8"])("extracts every name and body as they were written, in locale %s", (locale) => {
    execFileSync("tar", ["-xf", "-", "--no-same-owner", "-C", folder], {
      input: tar,
      stdio: "pipe", // it warns of times before 1970
      env: { ...process.env, LC_ALL: locale },
    });
    const names = readdirSync(join(folder, "dir"), { encoding: "buffer" }).map(
      (name) => `dir/${decodeBytestring(name)}`,
    );
    expect(new Set(names)).toEqual(new Set(headers.slice(1).map((header) => header.path)));
    expect(readFileSync(join(folder, "dir/na\u00efve \u{1f600}"), "utf8")).toBe("hello");
    expect(statSync(join(folder, "dir/hard")).nlink).toBe(2);
    expect(statSync(join(folder, "dir/plain")).mtimeMs).toBe(1_700_000_000_000);
    expect(statSync(join(folder, "dir/huge-owner")).mtimeMs).toBe(-1500);
  });

  test("lists modes, owners, sizes and times", () => {
    const listing = execFileSync("tar", ["-tvf", "-", "--numeric-owner", "--full-time", "--quoting-style=escape"], {
      input: tar,
      stdio: "pipe",
      env: { ...process.env, LC_ALL: "C", TZ: "UTC" },
    }).toString();
    expect(listing.split("\n")).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^drwxr-xr-x 0\/0 +0 1970-01-01 00:00:01 dir\/$/),
        expect.stringMatching(/^-rw-r--r-- 0\/0 +5 2023-11-14 22:13:20 dir\/plain$/),
        expect.stringMatching(/^-rw-r--r-- 2147483648\/2097152 +5 1969-12-31 .* dir\/huge-owner$/),
        expect.stringMatching(/^lrwxrwxrwx .* dir\/link -> \/some\/\\377\/where$/),
      ]),
    );
  });

  test.each(["v7", "oldgnu", "gnu", "ustar", "posix"])(
    "writes archives in format %s that are read back",
    async (format) => {
      const source = mkdtempSync(join(folder, "source-"));
      const long = format === "v7" || format === "ustar" ? "name" : "long".repeat(40);
      mkdirSync(join(source, "dir"));
      writeFileSync(Buffer.from(join(source, "dir/raw\xff"), "latin1"), "raw");
      writeFileSync(join(source, "dir", long), "hello");
      symlinkSync(`to/${long}`, join(source, "dir/symlink"));
      linkSync(join(source, "dir", long), join(source, "dir/zhard"));
      utimesSync(join(source, "dir", long), 1000, 1_234_567_890);
      const args = [
        "-cf",
        "-",
        "--sort=name",
        `--format=${format}`,
        "--owner=:3000",
        "--group=:4000",
        "-C",
        source,
        "dir",
      ];
      const archive = execFileSync("tar", args, { stdio: "pipe" });

      const found: unknown[] = [];
      for await (const { header, body } of readTar(Readable.from([archive])))
        found.push([header.type, header.path, header.linkname, (await buffer(body())).toString()]);
      expect(found).toEqual([
        ["directory", "dir", "", ""],
        ["file", `dir/${long}`, "", "hello"],
        ["file", "dir/raw\udcff", "", "raw"],
        ["symlink", "dir/symlink", `to/${long}`, ""],
        ["hardlink", "dir/zhard", `dir/${long}`, ""],
      ]);
      for await (const { header } of readTar(Readable.from([archive]))) {
        expect([header.uid, header.gid]).toEqual([3000, 4000]);
        if (header.path === `dir/${long}`) expect(header.mtime).toBe(1_234_567_890);
      }
    },
  );
});
