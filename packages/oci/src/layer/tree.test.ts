import { expect, test } from "vitest";
import { indexEntry, type LayerIndex } from "./layer-index.ts";
import type { TarHeader, TarType } from "../tar/tar-header.ts";
import { Tree } from "./tree.ts";

/** A layer in a line an entry: `dir/`, `file=content`, `link -> target`, `hard => target`, `.wh.gone`. */
const layer = (...lines: readonly string[]): LayerIndex => layerOf(lines);

function layerOf(lines: readonly string[]): LayerIndex {
  return {
    entries: lines.map((line) => {
      const [, path = "", kind = "", rest = ""] = /^(.*?)(\/$|=(?!>)| -> | => |$)(.*)$/.exec(line) ?? [];
      const types: Record<string, TarType> = { "/": "directory", " -> ": "symlink", " => ": "hardlink" };
      const header: TarHeader = {
        path,
        type: types[kind] ?? "file",
        mode: 0o644,
        uid: 0,
        gid: 0,
        uname: "",
        gname: "",
        size: kind === "=" ? rest.length : 0,
        mtime: 0,
        linkname: kind.includes(">") ? rest : "",
        devmajor: 0,
        devminor: 0,
        xattrs: new Map(),
      };
      return indexEntry(header);
    }),
  };
}
const paths = (tree: Tree): string[] => [...tree].map((node) => node.path);
const of = (...layers: readonly LayerIndex[]): string[] => paths(Tree.of(layers));

test("directories that no entry names are there, with the mode engines give them", () => {
  const tree = Tree.of([layer("a/b/file=x")]);
  expect(paths(tree)).toEqual(["a", "a/b", "a/b/file"]);
  expect(tree.lstat("a/b")).toMatchObject({ header: { type: "directory", mode: 0o755, uid: 0 }, inode: { entry: -1 } });
});

test("nodes come in the byte order of their names, directories before what they hold", () => {
  const tree = Tree.of([layer("b/y", "b/x", "B", "a-c", "a/z", "\u{1f600}", "\uff5e", "\udcff")]);
  expect(paths(tree)).toEqual(["B", "a", "a/z", "a-c", "b", "b/x", "b/y", "\uff5e", "\u{1f600}", "\udcff"]);
  expect(tree.children("b")?.map((node) => node.name)).toEqual(["x", "y"]);
  expect(tree.children("B")).toBeUndefined();
  expect(tree.children("")?.length).toBe(7);
});

test("a path through a linked directory lands where the link leads, inside the root", () => {
  const tree = Tree.of([layer("usr/bin/", "bin -> /usr/bin", "up -> ../../../usr"), layer("bin/tool=x", "up/lib/")]);
  expect(paths(tree)).toEqual(["bin", "up", "usr", "usr/bin", "usr/bin/tool", "usr/lib"]);
  expect(tree.lstat("bin")).toMatchObject({ layer: 0, header: { linkname: "/usr/bin" } });
  expect(tree.lstat("bin/tool")).toMatchObject({ path: "usr/bin/tool", layer: 1, header: { path: "bin/tool" } });
  expect(tree.resolveParent("bin/other")).toBe("usr/bin");
  expect(tree.resolveParent("up/new/deep/file")).toBe("usr/new/deep");
  expect(tree.resolveParent("file")).toBe("");
});

test("a link that leads nowhere, or out of the root, makes directories inside it", () => {
  expect(of(layer("l -> /tmp/../../elsewhere", "l/file"))).toEqual(["elsewhere", "elsewhere/file", "l"]);
});

test("resolve follows the last link, lstat does not", () => {
  const tree = Tree.of([layer("etc/file=x", "a -> etc", "b -> a/file", "lost -> nowhere")]);
  expect(tree.resolve("b")?.path).toBe("etc/file");
  expect(tree.resolve("/a/./../etc//file/")?.path).toBe("etc/file");
  expect(tree.resolve("b", { followLast: false })?.path).toBe("b");
  expect(tree.lstat("b")?.path).toBe("b");
  expect(tree.resolve("lost")).toBeUndefined();
  expect(tree.resolve("etc/file/below")).toBeUndefined();
  expect(tree.resolve("")).toBe(tree.root);
});

test("links in a circle end with an error", () => {
  const tree = Tree.of([layer("a -> b", "b -> a")]);
  expect(() => tree.resolve("a/x")).toThrow('Cannot resolve "a/x": too many links');
  expect(() => tree.resolve("a")).toThrow(expect.objectContaining({ code: "LIMIT_EXCEEDED" }));
  expect(tree.lstat("a")?.path).toBe("a");
});

test("whiteouts remove what is below and nothing of their own layer, in any order", () => {
  const base = layer("d/old", "d/sub/old", "gone", "kept");
  expect(of(base, layer(".wh.gone", ".wh.d", ".wh.never"))).toEqual(["kept"]);
  expect(of(base, layer(".wh.d", "d/new"))).toEqual(["d", "d/new", "gone", "kept"]);
  expect(of(base, layer("d/new", ".wh.d"))).toEqual(["d", "d/new", "gone", "kept"]);
  expect(of(base, layer("gone=1", ".wh.gone", ".wh.kept"))).toEqual(["d", "d/old", "d/sub", "d/sub/old", "gone"]);
});

test("an opaque directory hides what is below and nothing of its own layer, in any order", () => {
  const base = layer("d/old", "d/sub/old", "kept");
  expect(of(base, layer("d/.wh..wh..opq", "d/new"))).toEqual(["d", "d/new", "kept"]);
  expect(of(base, layer("d/new", "d/sub/new", "d/.wh..wh..opq"))).toEqual(["d", "d/new", "d/sub", "d/sub/new", "kept"]);
  expect(of(base, layer("l -> d", "l/.wh..wh..opq"))).toEqual(["d", "kept", "l"]);
  expect(of(base, layer(".wh..wh..opq", "new"))).toEqual(["new"]);
});

test("a directory over a directory keeps its content, anything else replaces all of it", () => {
  const base = layer("d/", "d/a", "d/e/f");
  expect(of(base, layer("d/"))).toEqual(["d", "d/a", "d/e", "d/e/f"]);
  expect(Tree.of([base, layer("d/")]).lstat("d")?.layer).toBe(1);
  expect(of(base, layer("d=x"))).toEqual(["d"]);
  expect(of(layer("t/", "d -> t"), layer("d/"))).toEqual(["d", "t"]);
  expect(Tree.of([layer("t/", "d -> t"), layer("d/")]).lstat("d")?.header.type).toBe("directory");
});

test("the root's own entry changes the root", () => {
  const tree = Tree.of([layer("./", "a")]);
  expect(tree.root).toMatchObject({ path: "", header: { mode: 0o644 }, inode: { entry: 0 } });
  expect(paths(tree)).toEqual(["a"]);
});

test("hardlinks are one inode, also across layers and through linked directories", () => {
  const tree = Tree.of([layer("d/f=body", "l -> d"), layer("h => l/f", "x => /h")]);
  expect(tree.lstat("h")?.inode).toBe(tree.lstat("d/f")?.inode);
  expect(tree.lstat("x")).toMatchObject({
    path: "x",
    layer: 1,
    inode: { layer: 0, entry: 0 },
    header: { path: "d/f", size: 4 },
  });
  expect(paths(Tree.of([layer("a=1", "b => a"), layer(".wh.a")]))).toEqual(["b"]);
});

test.each([
  ["a target that is not there", layer("h => missing"), 'its target "missing" is not there'],
  ["a target that comes later", layer("h => a", "a=1"), 'its target "a" is not there'],
  ["a directory as target", layer("d/", "h => d"), 'its target "d" is a directory'],
  ["the target replaced by the link itself", layer("d/f=1", "d => d/f"), 'its target "d/f" is not there'],
  ["a path through a file", layer("f=1", "f/g=2"), '"f" is no directory'],
])("%s is refused", (_what, index, message) => {
  expect(() => Tree.of([index])).toThrow(message);
  expect(() => Tree.of([index])).toThrow(expect.objectContaining({ code: "INVALID_ARCHIVE" }));
});

test("layers are counted, and what later ones replaced or removed is known", () => {
  const tree = Tree.of([
    layer("a=12345", "b=123", "d/c=12", "keep=1"),
    layer("a=1", ".wh.d", "b2 => b"),
    layer(".wh.b", "a=2", "a=22"),
    layer(".wh.b2"),
  ]);
  expect(tree.layers).toEqual([
    { entries: 4, whiteouts: 0, files: 4, bytes: 11 },
    { entries: 3, whiteouts: 1, files: 1, bytes: 1 },
    { entries: 3, whiteouts: 1, files: 2, bytes: 3 },
    { entries: 1, whiteouts: 1, files: 0, bytes: 0 },
  ]);
  expect(tree.wasted).toEqual([
    { path: "a", size: 5, layer: 0, by: 1 },
    { path: "d/c", size: 2, layer: 0, by: 1 },
    { path: "a", size: 1, layer: 1, by: 2 },
    { path: "a", size: 1, layer: 2, by: 2 },
    { path: "b2", size: 3, layer: 0, by: 3 },
  ]);
});

test("trees as wide and as deep as they come are walked", () => {
  const wide = Array.from({ length: 200_000 }, (_, i) => `d/${i}`);
  expect(paths(Tree.of([layerOf(wide), layer(".wh.d")]))).toEqual([]);
  expect(paths(Tree.of([layerOf(wide)])).length).toBe(200_001);
  const deep = "d/".repeat(2000);
  expect(paths(Tree.of([layer(deep)])).length).toBe(2000);
  expect(() => Tree.of([layer(deep, `l -> ${deep}`, `l/${deep}`, `m -> l/${deep}`, `m/${deep}`)])).toThrow(
    "4096 directories deep",
  );
});
