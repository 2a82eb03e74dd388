import { expect, test } from "vitest";
import { indexEntry } from "./layer-index.ts";
import { formatLayerIndex, parseLayerIndex } from "./layer-index-text.ts";
import type { TarHeader } from "../tar/tar-header.ts";

const header = (path: string, rest: Partial<TarHeader> = {}): TarHeader => ({
  path,
  type: "file",
  mode: 0o644,
  uid: 0,
  gid: 0,
  uname: "",
  gname: "",
  size: 0,
  mtime: 0,
  linkname: "",
  devmajor: 0,
  devminor: 0,
  xattrs: new Map(),
  ...rest,
});

test.each([
  ["a/b", "a/b"],
  ["/a/b", "a/b"],
  ["./a//b/", "a/b"],
  ["a/./b/../c", "a/c"],
  ["...", "..."],
  ["a/..b", "a/..b"],
  ["a/.b./.", "a/.b."],
])("a path %s lies at %s", (path, cleaned) => {
  expect(indexEntry(header(path))).toMatchObject({ kind: "node", header: { path: cleaned } });
});

test.each([
  ["../a", "leads out of the root"],
  ["a/../../b", "leads out of the root"],
  ["/..", "leads out of the root"],
  [".", "the root cannot be a file"],
  ["a\0b", "it holds a NUL"],
  [`${"a/".repeat(2048)}a`, "are no paths"],
  [".wh.", "a whiteout of nothing"],
  ["a/.wh..", "a whiteout of nothing"],
  ["a/.wh...", "a whiteout of nothing"],
  ["a/.wh.b/c", "below a whiteout"],
])("a path %s is refused: %s", (path, message) => {
  expect(() => indexEntry(header(path))).toThrow(message);
  expect(() => indexEntry(header(path))).toThrow(expect.objectContaining({ code: "INVALID_ARCHIVE" }));
});

test("the root is a directory by any of its names", () => {
  for (const path of ["", ".", "./", "/", "a/.."])
    expect(indexEntry(header(path, { type: "directory" }))).toMatchObject({ header: { path: "" } });
});

test("whiteouts are told by their names, whatever they are themselves", () => {
  expect(indexEntry(header("a/.wh.b"))).toEqual({ kind: "whiteout", path: "a/b" });
  expect(indexEntry(header(".wh.b", { type: "symlink", linkname: "x" }))).toEqual({ kind: "whiteout", path: "b" });
  expect(indexEntry(header("a/.wh..wh..opq"))).toEqual({ kind: "opaque", path: "a" });
  expect(indexEntry(header(".wh..wh..opq"))).toEqual({ kind: "opaque", path: "" });
  expect(indexEntry(header("a/.wh.x/../.wh..dot"))).toEqual({ kind: "whiteout", path: "a/.dot" });
});

test("AUFS's bookkeeping is passed over", () => {
  for (const path of [".wh..wh.plnk", ".wh..wh.plnk/123.45", ".wh..wh.aufs"])
    expect(indexEntry(header(path))).toEqual({ kind: "ignored" });
});

test("hardlinks lead to paths of the root, symlinks say what they say", () => {
  const hardlink = (path: string, linkname: string): unknown =>
    indexEntry(header(path, { type: "hardlink", linkname }));
  expect(hardlink("h", "/usr/./bin/x")).toMatchObject({ header: { linkname: "usr/bin/x" } });
  expect(() => hardlink("h", "../x")).toThrow('"../x" leads out of the root');
  expect(() => hardlink("a/h", "./a//h")).toThrow("a hardlink to itself");
  expect(indexEntry(header("s", { type: "symlink", linkname: "../../x/./" }))).toMatchObject({
    header: { linkname: "../../x/./" },
  });
  expect(() => indexEntry(header("s", { type: "symlink" }))).toThrow("a link of 0 characters");
});

test("an index survives being kept as text", () => {
  const entries = [
    header("plain", { size: 5, mtime: -1.5, mode: 0o4755, uid: 2 ** 32 }),
    header("raw\udcff/\u{1f600}", { uname: "root" }),
    header("dir", { type: "directory" }),
    header("link", { type: "symlink", linkname: "/\udc80" }),
    header("hard", { type: "hardlink", linkname: "plain" }),
    header("null", { type: "char", devmajor: 1, devminor: 3 }),
    header("disk", { type: "block", devmajor: 8 }),
    header("pipe", { type: "fifo", gname: "wheel" }),
    header("x", {
      xattrs: new Map([
        ["security.capability", Uint8Array.of(0, 255, 1)],
        ["user.\udcff", new Uint8Array(0)],
      ]),
    }),
    header("a/.wh.b"),
    header("a/.wh..wh..opq"),
    header(".wh..wh.aufs"),
  ].map((one) => indexEntry(one));
  expect(parseLayerIndex(formatLayerIndex({ entries }))).toEqual({ entries });
});

test("a damaged index, or one of another version, is refused", () => {
  const text = formatLayerIndex({ entries: [indexEntry(header("a"))] });
  for (const bad of [
    "",
    "[]",
    text.slice(0, -1),
    text.replace("[1,", "[2,"),
    text.replace('"a"', "7"),
    text.replace("420", '"x"'),
  ])
    expect(() => parseLayerIndex(bad)).toThrow(SyntaxError);
});
