import { encodeBytestring, indexLayer, type IndexedEntry, type TarHeader, Tree } from "@lading/oci";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseAccounts } from "./accounts.ts";
import { lowerOf } from "../base/base.ts";
import type { LayerEntry } from "../entry.ts";
import { LayerBytes } from "../pack/layer-bytes.ts";
import type { ListedEntry, Owner } from "../list/listing.ts";
import { layOn, type Lower, nothing } from "./lower.ts";
import { type LayerDraft, planLayer } from "./plan.ts";

const root: Owner = { uid: 0, gid: 0 };
const common = { owner: root, mtime: 5, explicit: true };

function file(path: string, more: { origin?: string; owner?: Owner; mode?: number } = {}): ListedEntry {
  const bytes = Buffer.from(path);
  const entry = { ...common, path, mode: 0o644, origin: `src/${path}`, type: "file", ...more } as const;
  return { ...entry, size: bytes.length, content: { kind: "literal", bytes } };
}
type FolderInput = { mode?: number; explicit?: boolean; owner?: Owner; asked?: { mode: boolean; owner: boolean } };
function folder(path: string, more: FolderInput = {}): ListedEntry {
  return { ...common, path, mode: 0o755, origin: `src/${path}/`, explicit: false, type: "directory", ...more };
}
function symlink(path: string, linkname: string): ListedEntry {
  return { ...common, path, mode: 0o777, origin: `src/${path}`, type: "symlink", linkname };
}
function hardlink(path: string, linkname: string): ListedEntry {
  return { ...common, path, mode: 0o644, origin: `src/${path}`, type: "hardlink", linkname };
}

type BaseFile = Partial<TarHeader> & { readonly path: string };

function node(input: BaseFile): IndexedEntry {
  const type = input.linkname === undefined ? (input.path.endsWith("/") ? "directory" : "file") : "symlink";
  const path = input.path.replace(/\/$/, "");
  const numbers = { uid: 0, gid: 0, size: 0, mtime: 1000, devmajor: 0, devminor: 0 };
  const mode = type === "directory" ? 0o755 : 0o644;
  const names = { uname: "", gname: "", linkname: "", xattrs: new Map<string, Uint8Array>() };
  return { kind: "node", header: { ...names, ...numbers, mode, type, ...input, path } };
}

/** A base with these files; paths that end in a slash are directories, linkname makes a symlink. */
function base(...files: (BaseFile | string)[]): Lower {
  const entries = files.map((one) => node(typeof one === "string" ? { path: one } : one));
  return lowerOf(Tree.of([{ entries }]));
}

function plan(listed: readonly ListedEntry[], more: Partial<LayerDraft> = {}): readonly LayerEntry[] {
  return plannedWith(listed, more).plan.entries;
}
function plannedWith(listed: readonly ListedEntry[], more: Partial<LayerDraft> = {}): ReturnType<typeof planLayer> {
  return planLayer({ name: "app", listed, remove: [], lower: nothing, accounts: undefined, mtime: 7, ...more });
}
const shown = (entries: readonly LayerEntry[]): string[] =>
  entries.map(({ path, type, mode, uid, gid }) => `${type} /${path} ${mode.toString(8)} ${uid}:${gid}`);
const paths = (entries: readonly LayerEntry[]): string[] => entries.map(({ path }) => path);

describe("folders", () => {
  test("that nobody listed are made as 0755 root, with the layer's time", () => {
    const entries = plan([file("srv/www/index.html")]);
    expect(shown(entries)).toEqual([
      "directory /srv 755 0:0",
      "directory /srv/www 755 0:0",
      "file /srv/www/index.html 644 0:0",
    ]);
    expect(entries.map(({ mtime }) => mtime)).toEqual([7, 7, 5]);
  });

  test("of the base keep their mode and owner, and get the layer's time", () => {
    const lower = base({ path: "tmp/", mode: 0o1777 }, { path: "home/", uid: 3, gid: 4, mode: 0o700 });
    const entries = plan([folder("tmp"), file("tmp/a"), file("home/b")], { lower });
    expect(shown(entries)).toEqual([
      "directory /home 700 3:4",
      "file /home/b 644 0:0",
      "directory /tmp 1777 0:0",
      "file /tmp/a 644 0:0",
    ]);
    expect(entries[0]?.mtime).toBe(7);
  });

  test("of the base keep their extended attributes", () => {
    const xattrs = new Map([["user.a", Buffer.from("b")]]);
    expect(plan([file("d/f")], { lower: base({ path: "d/", xattrs }) })[0]?.xattrs).toEqual(xattrs);
  });

  test("of the base that nothing is put into are not in the layer", () => {
    expect(plan([folder("tmp")], { lower: base("tmp/") })).toEqual([]);
  });

  test("that are asked for win over the base", () => {
    const lower = base({ path: "tmp/", mode: 0o1777, uid: 8, gid: 9 });
    expect(shown(plan([folder("tmp", { mode: 0o700, explicit: true })], { lower }))).toEqual([
      "directory /tmp 700 0:0",
    ]);
  });

  test("change only in what was asked for", () => {
    const lower = base({ path: "tmp/", mode: 0o1777, uid: 8, gid: 9 });
    const asked = (mode: boolean, owner: boolean): string[] =>
      shown(plan([folder("tmp", { mode: 0o700, explicit: true, asked: { mode, owner } })], { lower }));
    expect(asked(true, false)).toEqual(["directory /tmp 700 8:9"]);
    expect(asked(false, true)).toEqual(["directory /tmp 1777 0:0"]);
    expect(asked(false, false)).toEqual([]);
  });

  test("listed twice are one; what was asked for counts", () => {
    const entries = plan([folder("a"), folder("a", { mode: 0o700, explicit: true }), folder("a")]);
    expect(shown(entries)).toEqual(["directory /a 700 0:0"]);
    expect(() =>
      plan([folder("a", { mode: 0o700, explicit: true }), folder("a", { mode: 0o711, explicit: true })]),
    ).toThrow('Cannot add "src/a/" as "/a": "src/a/" gives the folder another mode or owner');
  });

  test("of earlier layers are kept as they are there", () => {
    const first = planLayer({
      name: "one",
      listed: [folder("app", { mode: 0o750, explicit: true, owner: { uid: 1, gid: 2 } })],
      remove: [],
      lower: nothing,
      accounts: undefined,
      mtime: 7,
    });
    const lower = layOn(nothing, first.plan);
    expect(shown(plan([file("app/x")], { lower }))).toEqual(["directory /app 750 1:2", "file /app/x 644 0:0"]);
  });
});

describe("symlinks of the base", () => {
  const merged = base(
    "usr/",
    "usr/lib/",
    { path: "lib", linkname: "usr/lib" },
    { path: "opt", linkname: "/usr/lib/../lib" },
  );

  test("are followed to where files really go", () => {
    expect(paths(plan([file("lib/x")], { lower: merged }))).toEqual(["usr", "usr/lib", "usr/lib/x"]);
    expect(paths(plan([folder("opt"), file("opt/y/z")], { lower: merged }))).toEqual([
      "usr",
      "usr/lib",
      "usr/lib/y",
      "usr/lib/y/z",
    ]);
  });

  test("do not lead out of the image", () => {
    const lower = base("a/", { path: "a/up", linkname: "../../../etc" });
    expect(paths(plan([file("a/up/f")], { lower }))).toEqual(["etc", "etc/f"]);
  });

  test("that lead nowhere yet lead to what is made there", () => {
    expect(paths(plan([file("run/f")], { lower: base({ path: "run", linkname: "var/run" }) }))).toEqual([
      "var",
      "var/run",
      "var/run/f",
    ]);
  });

  test("that lead in a circle are an error", () => {
    const lower = base({ path: "a", linkname: "b" }, { path: "b", linkname: "a" });
    expect(() => plan([file("a/f")], { lower })).toThrow(
      expect.objectContaining({ code: "DESTINATION_CONFLICT", message: expect.stringContaining("lead in a circle") }),
    );
  });

  test("two ways to one place are one place", () => {
    expect(() => plan([file("lib/x"), file("usr/lib/x", { origin: "other" })], { lower: merged })).toThrow(
      'Cannot add "other" as "/usr/lib/x": "src/lib/x" is already there',
    );
  });

  test("to folders are not replaced by files, but may be by other symlinks", () => {
    expect(() => plan([file("lib")], { lower: merged })).toThrow(
      'the base has a symlink to a folder there ("usr/lib")',
    );
    expect(shown(plan([symlink("lib", "lib64")], { lower: merged }))).toEqual(["symlink /lib 777 0:0"]);
  });

  test("to files are replaced", () => {
    const lower = base("b", { path: "a", linkname: "b" });
    expect(shown(plan([file("a")], { lower }))).toEqual(["file /a 644 0:0"]);
  });
});

describe("symlinks of the layer", () => {
  test("are followed, whichever is listed first", () => {
    const listed = [file("app/f"), symlink("app", "opt/v1"), folder("opt/v1")];
    expect(paths(plan(listed))).toEqual(["app", "opt", "opt/v1", "opt/v1/f"]);
    expect(plan(listed.toReversed())).toEqual(plan(listed));
  });
});

describe("conflicts", () => {
  test.each([
    [
      "a file over a folder of the base",
      [file("usr")],
      base("usr/", "usr/bin"),
      'Cannot add "src/usr" as "/usr": the base has a folder there',
    ],
    [
      "a symlink over a folder of the base",
      [symlink("usr", "x")],
      base("usr/"),
      'Cannot add "src/usr" as "/usr": the base has a folder there',
    ],
    [
      "a folder over a file of the base",
      [folder("usr")],
      base("usr"),
      'Cannot add "src/usr/" as "/usr": the base has a file there',
    ],
    [
      "below a file of the base",
      [file("usr/x")],
      base("usr"),
      'Cannot add "src/usr/x" as "/usr": the base has a file there',
    ],
    ["two files", [file("x"), file("x", { origin: "y" })], nothing, 'Cannot add "y" as "/x": "src/x" is already there'],
    ["a file and a folder", [file("x/y"), file("x")], nothing, '"src/x'],
    ["a name that deletes", [file("a/.wh.b")], nothing, 'names that begin with ".wh."'],
    ["a folder's name that deletes", [file("a/.wh.b/c")], nothing, 'names that begin with ".wh."'],
    ["a file as the root", [file("")], nothing, "the image's root is a folder"],
  ])("%s", (_, listed, lower, message) => {
    expect(() => plan(listed, { lower })).toThrow(message);
  });

  test("one file listed by two patterns is none", () => {
    const stat = { size: 1, mtimeMs: 0, ctimeMs: 0, ino: 1, dev: 1, mode: 0o644 };
    const onDisk = (disk: string): ListedEntry => ({
      ...common,
      path: "x",
      mode: 0o644,
      origin: disk,
      type: "file",
      size: 1,
      content: { kind: "disk", path: disk, stat },
    });
    expect(paths(plan([onDisk("/src/x"), onDisk("/src/x")]))).toEqual(["x"]);
    expect(() => plan([onDisk("/src/x"), onDisk("/src/y")])).toThrow('"/src/x" is already there');
  });
});

describe("order", () => {
  test("is that of the paths' bytes, parents first", () => {
    const names = ["b", "a/x", "a-b", "a.c", "é", "Z", "\u{1f600}", "\uffee", "a/\udc80"];
    expect(paths(plan(names.map((name) => file(name))))).toEqual([
      "Z",
      "a",
      "a-b",
      "a.c",
      "a/x",
      "a/\udc80",
      "b",
      "é",
      "\uffee",
      "\u{1f600}",
    ]);
  });

  test("the first name of a file carries its bytes", () => {
    const entries = plan([file("z/data"), hardlink("b", "z/data"), hardlink("a", "b"), file("c")]);
    expect(entries.map(({ path, type }) => [path, type])).toEqual([
      ["a", "file"],
      ["b", "hardlink"],
      ["c", "file"],
      ["z", "directory"],
      ["z/data", "hardlink"],
    ]);
    expect(entries.filter((entry) => entry.type === "hardlink").map(({ linkname }) => linkname)).toEqual(["a", "a"]);
  });

  test("hardlinks' targets go through the base's symlinks too", () => {
    const lower = base("usr/", "usr/bin/", { path: "bin", linkname: "usr/bin" });
    const [, , first, second] = plan([file("bin/b"), hardlink("bin/c", "bin/b")], { lower });
    expect(first).toMatchObject({ path: "usr/bin/b", type: "file" });
    expect(second).toMatchObject({ path: "usr/bin/c", type: "hardlink", linkname: "usr/bin/b" });
  });

  test.each([
    ["is not in the layer", [hardlink("a", "b")]],
    ["is a folder", [hardlink("a", "b"), folder("b")]],
    ["leads back to it", [hardlink("a", "b"), hardlink("b", "a")]],
  ])("a hardlink whose target %s is an error", (reason, listed) => {
    expect(() => plan(listed)).toThrow(
      expect.objectContaining({ code: "SOURCE_MISSING", message: expect.stringContaining(reason) }),
    );
  });
});

describe("owners", () => {
  const accounts = parseAccounts("root:x:0:0::/:\nnode:x:1000:1001::/:", "root:x:0:\nstaff:x:50:");

  test("by name are those of the account files", () => {
    const listed = [file("a", { owner: { user: "node" } }), file("b", { owner: { user: "node", group: "staff" } })];
    expect(shown(plan(listed, { accounts }))).toEqual(["file /a 644 1000:1001", "file /b 644 1000:50"]);
  });

  test("that nobody knows are an error that names them", () => {
    expect(() => plan([file("a", { owner: { user: "nobody" } })], { accounts })).toThrow(
      `Cannot find user "nobody": the image's /etc/passwd does not have it`,
    );
    expect(() => plan([file("a", { owner: { user: "node", group: "wheel" } })], { accounts })).toThrow(
      'Cannot find group "wheel"',
    );
    expect(() => plan([file("a", { owner: { user: "node" } })])).toThrow("the image has no /etc/passwd");
  });
});

describe("removals", () => {
  const lower = base(
    "etc/",
    "etc/motd",
    "var/",
    { path: "var/cache/", mode: 0o700 },
    "var/cache/a",
    "var/cache/b/",
    "var/cache/b/c",
    {
      path: "tmp",
      linkname: "var/cache",
    },
  );

  test("delete a path, whose folders stay as they are", () => {
    expect(shown(plan([], { lower, remove: ["/etc/motd"] }))).toEqual([
      "directory /etc 755 0:0",
      "whiteout /etc/motd 0 0:0",
    ]);
  });

  test("empty a folder", () => {
    expect(shown(plan([], { lower, remove: ["/var/cache/*"] }))).toEqual([
      "directory /var 755 0:0",
      "directory /var/cache 700 0:0",
      "opaque /var/cache 0 0:0",
    ]);
  });

  test("follow links on the way, and remove a link itself", () => {
    expect(paths(plan([], { lower, remove: ["tmp/a"] }))).toEqual(["var", "var/cache", "var/cache/a"]);
    expect(shown(plan([], { lower, remove: ["/tmp"] }))).toEqual(["whiteout /tmp 0 0:0"]);
    expect(paths(plan([], { lower, remove: ["/tmp/*"] }))).toEqual(["var", "var/cache", "var/cache"]);
  });

  test("of everything hide the base", () => {
    expect(shown(plan([file("a")], { lower, remove: ["/*"] }))).toEqual(["opaque / 0 0:0", "file /a 644 0:0"]);
  });

  test("make no whiteout for what the layer adds", () => {
    expect(shown(plan([file("etc/motd")], { lower, remove: ["etc/motd"] }))).toEqual([
      "directory /etc 755 0:0",
      "file /etc/motd 644 0:0",
    ]);
    expect(shown(plan([file("var/cache")], { lower, remove: ["/var/cache"] }))).toEqual([
      "directory /var 755 0:0",
      "file /var/cache 644 0:0",
    ]);
  });

  test("of a folder that the layer makes again hide what was in it, and not its own", () => {
    expect(shown(plan([file("var/cache/new")], { lower, remove: ["/var/cache", "/var/cache/a"] }))).toEqual([
      "directory /var 755 0:0",
      "directory /var/cache 755 0:0",
      "opaque /var/cache 0 0:0",
      "file /var/cache/new 644 0:0",
    ]);
  });

  test("come before what their folder holds", () => {
    const entries = plan([file("etc/!first"), file("etc-x")], { lower, remove: ["/etc/motd"] });
    expect(shown(entries).map((line) => line.split(" ", 2).join(" "))).toEqual([
      "directory /etc",
      "file /etc-x",
      "whiteout /etc/motd",
      "file /etc/!first",
    ]);
  });

  test.each([
    ["/etc/mtod", 'Cannot remove "/etc/mtod": the base has no "mtod" in "/etc"', 'It has "/etc/motd"'],
    ["/etc/x/y", 'Cannot remove "/etc/x/y": the base has no "x" in "/etc"', undefined],
    ["/etc/motd/*", 'Cannot remove "/etc/motd/*": "/etc/motd" is not a folder', undefined],
    ["/var/*.log", 'Cannot remove "/var/*.log": patterns are not known here', "Only /* at the end empties a folder"],
    ["/", 'Cannot remove "/": it is the image\'s root', 'Write "/*" to remove all there is'],
    ["../x", 'Cannot remove "../x": it leads out of the image', undefined],
  ])("of %s fail with a hint", (remove, message, hint) => {
    expect(() => plan([], { lower, remove: [remove] })).toThrow(
      expect.objectContaining({ code: "SPEC", message, hint }),
    );
  });

  test("need a base", () => {
    expect(() => plan([], { remove: ["/etc"] })).toThrow('Cannot remove "/etc": there is no base');
  });

  test("hide files from the layers above", () => {
    const first = plannedWith([file("var/cache/d/e")], { lower, remove: ["/var/cache/*", "/etc/motd"] }).plan;
    const above = layOn(lower, first);
    expect(above.get("var/cache/a")).toBeUndefined();
    expect(above.get("etc/motd")).toBeUndefined();
    expect(above.get("var/cache")?.mode).toBe(0o700);
    expect([...above.names("var/cache")]).toEqual(["d"]);
    expect([...above.names("")].toSorted()).toEqual(["etc", "tmp", "var"]);
  });
});

test("a layer below answers the same however often it is asked", () => {
  const listed = Array.from({ length: 1000 }, (_, at) => file(`d/${at}`, { mode: at % 512 }));
  const below = layOn(base("d/", "d/of-base", "e"), plannedWith(listed).plan);
  for (let turn = 0; turn < 2; turn++) {
    for (const [at, one] of listed.entries()) expect(below.get(one.path)?.mode).toBe(at % 512);
    expect(below.get("d/of-base")?.type).toBe("file");
    expect(below.get("d/none")).toBeUndefined();
  }
  expect([...below.names("d")]).toHaveLength(1001);
});

describe("names that differ by case only", () => {
  test("are warned about, once a pair", () => {
    const { warnings } = plannedWith([file("Readme"), file("readme"), file("README"), file("a/Readme"), file("A/x")]);
    expect(warnings).toEqual([
      'Layer "app" has "/README" and "/Readme", which are one file where case does not count',
      'Layer "app" has "/A" and "/a", which are one file where case does not count',
      'Layer "app" has "/README" and "/readme", which are one file where case does not count',
    ]);
  });

  test("are not seen in a folder that is emptied and filled again", () => {
    const { plan: made, warnings } = plannedWith([folder("Dir"), file("Dir/X")], {
      lower: base("Dir/", "Dir/old"),
      remove: ["/Dir/*"],
    });
    expect(made.entries.map(({ type }) => type)).toContain("opaque");
    expect(warnings).toEqual([]);
  });

  test("are not told without end", () => {
    const listed = Array.from({ length: 30 }, (_, at) => [file(`x${at}`), file(`X${at}`)]).flat();
    const { warnings } = plannedWith(listed);
    expect(warnings).toHaveLength(11);
    expect(warnings.at(-1)).toBe('Layer "app" has 20 more pairs of such names');
  });
});

// Names that make neighbours of each other: prefixes, and letters around the slash.
const name = fc.constantFrom("a", "a-", "a.b", "b", "B", "é", "\udcff", "lib", "\u{10000}");
const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/"));
const listing = fc
  .uniqueArray(path, { maxLength: 30 })
  .map((all) =>
    all.map((one) => (one === "lib" || all.some((other) => other.startsWith(`${one}/`)) ? folder(one) : file(one))),
  );
const baseTree = base("usr/", "usr/lib/", "usr/lib/old", { path: "lib", linkname: "usr/lib" });

test("whatever is listed, each path is there once, in order, and below a folder that comes before it", () => {
  fc.assert(
    fc.property(listing, fc.constantFrom(nothing, baseTree), (listed, lower) => {
      const entries = plan(listed, { lower });
      const bytes = entries.map((entry) => encodeBytestring(entry.path));
      for (const [at, one] of bytes.slice(1).entries()) expect(Buffer.compare(bytes[at] ?? one, one)).toBe(-1);
      const folders = new Set(["", ...entries.flatMap((entry) => (entry.type === "directory" ? entry.path : []))]);
      for (const entry of entries)
        expect(folders).toContain(entry.path.slice(0, Math.max(0, entry.path.lastIndexOf("/"))));
    }),
  );
});

test("the order of the listing does not count", () => {
  fc.assert(
    fc.property(
      listing.chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }))),
      ([all, shuffled]) => {
        expect(plan(shuffled, { lower: baseTree })).toEqual(plan(all, { lower: baseTree }));
      },
    ),
  );
});

test("a layer laid twice changes nothing", () => {
  fc.assert(
    fc.property(listing, (listed) => {
      const entries = plan(listed, { lower: baseTree });
      const again = plan(listed, { lower: layOn(baseTree, { name: "app", entries }) });
      expect(paths(again)).toEqual(paths(entries));
      expect(shown(again)).toEqual(shown(entries));
    }),
  );
});

test("what is planned is what whoever unpacks the layer sees", async () => {
  await fc.assert(
    fc.asyncProperty(listing, fc.boolean(), async (listed, remove) => {
      const files = ["etc/", "etc/motd", "a/", "a/old", "lib/", "lib/x"].map((one) => node({ path: one }));
      const tree = Tree.of([{ entries: files }]);
      let entries: readonly LayerEntry[];
      try {
        entries = plan(listed, { lower: lowerOf(tree), remove: remove ? ["/etc/*", "/lib"] : [] });
      } catch {
        // A file over one of these folders.
        return;
      }
      const layer = new LayerBytes(entries, undefined);
      const bytes = new Uint8Array(1 << 20);
      const length = await layer.read(bytes);
      await layer.close();
      tree.applyLayer(await indexLayer(chunks(bytes.subarray(0, length))));

      for (const entry of entries)
        if (entry.type !== "whiteout" && entry.type !== "opaque")
          expect(tree.lstat(entry.path)?.header.type).toBe(entry.type);
      expect(tree.lstat("etc/motd") === undefined).toBe(remove);
      expect(tree.lstat("lib/x") === undefined).toBe(remove && !listed.some((one) => one.path === "lib/x"));
      if (!listed.some((one) => one.path === "a" && one.type === "file")) expect(tree.lstat("a/old")).toBeDefined();
    }),
  );
});

async function* chunks(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
