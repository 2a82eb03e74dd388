import { expect, test } from "vitest";
import type { LayerEntry } from "../entry.ts";
import { literal } from "./pack.suite.ts";
import { shapeKey, statKey, timesAreSettled } from "./selector.ts";

const stat = { size: 3, mtimeMs: 1000.5, ctimeMs: 1000.5, ino: 7, dev: 8, mode: 0o100644 };
const meta = { path: "file", mode: 0o644, uid: 1, gid: 2, mtime: 3 };
const file = { ...meta, type: "file", size: 3, content: { kind: "disk", path: "/src/file", stat } } as const;

function disk(changes: Partial<typeof stat>, path = "/src/file"): LayerEntry {
  return { ...file, content: { kind: "disk", path, stat: { ...stat, ...changes } } };
}

test.each<[string, LayerEntry]>([
  ["size", disk({ size: 4 })],
  ["mtime", disk({ mtimeMs: 1000.75 })],
  ["ctime", disk({ ctimeMs: 1000.75 })],
  ["inode", disk({ ino: 9 })],
  ["device", disk({ dev: 9 })],
  ["mode on disk", disk({ mode: 0o100600 })],
  ["source", disk({}, "/src/other")],
])("the stat key is another for another %s of the file, the shape key is not", (_, entry) => {
  expect(statKey([entry], "gzip")).not.toBe(statKey([file], "gzip"));
  expect(shapeKey([entry], "gzip")).toBe(shapeKey([file], "gzip"));
});

test.each<[string, LayerEntry]>([
  ["path", { ...file, path: "elif" }],
  ["mode", { ...file, mode: 0o600 }],
  ["uid", { ...file, uid: 2 }],
  ["gid", { ...file, gid: 1 }],
  ["mtime", { ...file, mtime: 4 }],
  ["size", { ...file, size: 4 }],
  ["xattr", { ...file, xattrs: new Map([["user.a", Buffer.from("1")]]) }],
  ["kind", { ...meta, type: "directory" }],
])("both keys are others for another %s of the entry", (_, entry) => {
  expect(statKey([entry], "gzip")).not.toBe(statKey([file], "gzip"));
  expect(shapeKey([entry], "gzip")).not.toBe(shapeKey([file], "gzip"));
});

test("keys tell codecs, link targets, literals and names that are not UTF-8 apart", () => {
  const keys = [
    statKey([file], "gzip"),
    statKey([file], "zstd"),
    shapeKey([file], "gzip"),
    statKey([{ ...meta, type: "symlink", linkname: "a" }], "gzip"),
    statKey([{ ...meta, type: "symlink", linkname: "b" }], "gzip"),
    statKey([{ ...meta, type: "hardlink", linkname: "b" }], "gzip"),
    statKey([literal("file", "aaa")], "gzip"),
    statKey([literal("file", "bbb")], "gzip"),
    statKey([literal("\udcff", "aaa")], "gzip"),
    statKey([literal("\udcfe", "aaa")], "gzip"),
    statKey([{ ...meta, type: "char", devmajor: 1, devminor: 5 }], "gzip"),
    statKey([{ ...meta, type: "char", devmajor: 5, devminor: 1 }], "gzip"),
  ];

  expect(new Set(keys).size).toBe(keys.length);
});

test("times are settled when the newest file is older than the clock's granularity", () => {
  const fine = disk({ ctimeMs: 10_000.5 });
  const coarse = disk({ ctimeMs: 10_000 });

  expect(timesAreSettled([fine, disk({ ctimeMs: 1 })], 10_020)).toBe(false);
  expect(timesAreSettled([fine, disk({ ctimeMs: 1 })], 10_021)).toBe(true);
  expect(timesAreSettled([coarse], 11_900)).toBe(false);
  expect(timesAreSettled([coarse], 12_001)).toBe(true);
  expect(timesAreSettled([literal("file", "")], 0)).toBe(true);
});
