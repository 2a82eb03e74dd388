import { execFileSync } from "node:child_process";
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { compareBytestrings, type Platform } from "@lading/oci";
import { temporaryFolder } from "@lading/testkit";
import * as fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { BuildError } from "../errors.ts";
import { readIgnoreFile } from "./ignore.ts";
import { dependsOnPlatform, listLayer, type ListOptions } from "./list.ts";
import type { ListedEntry } from "./listing.ts";
import { Matcher } from "./patterns.ts";
import { buildSpecSchema, type LayerSpec } from "../spec.ts";

/** A context with these files; a name that ends in a slash is an empty folder. */
async function contextOf(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await temporaryFolder();
  onTestFinished(() => folder[Symbol.asyncDispose]());
  const context = join(folder.path, "context");
  mkdirSync(context);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(context, name.endsWith("/") ? name : dirname(name)), { recursive: true });
    if (!name.endsWith("/")) writeFileSync(join(context, name), text);
  }
  return context;
}

function layerOf(input: unknown): LayerSpec {
  const [layer] = buildSpecSchema.parse({ layers: [input] }).layers ?? [];
  if (layer === undefined) throw new TypeError("no layer");
  return layer;
}

function list(context: string, add: unknown, options: Partial<ListOptions> = {}): Promise<ListedEntry[]> {
  return listLayer(layerOf({ add: [add].flat() }), { context, timestamp: 1, ...options });
}

async function paths(context: string, add: unknown, options: Partial<ListOptions> = {}): Promise<string[]> {
  return (await list(context, add, options)).map((entry) =>
    entry.type === "directory" ? `${entry.path}/` : entry.path,
  );
}

/** The failure, to look at code, message and hint at once. */
async function failure(listing: Promise<unknown>): Promise<string> {
  const error: unknown = await listing.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof BuildError)) throw new TypeError("expected a BuildError", { cause: error });
  return `${error.code}: ${error.message}${error.hint === undefined ? "" : ` (${error.hint})`}`;
}

test("a folder brings its contents, in the order of the paths' bytes", async () => {
  const context = await contextOf({ "dist/b/c": "", "dist/b.js": "", "dist/b-x": "", "dist/a": "", "dist/empty/": "" });
  expect(await paths(context, { src: "dist", dest: "/app" })).toEqual([
    "app/",
    "app/a",
    "app/b/",
    "app/b-x",
    "app/b.js",
    "app/b/c",
    "app/empty/",
  ]);
});

test("any tree is listed sorted and whole", async () => {
  const name = fc.constantFrom("a", "a-", "a.b", "b", "ä", "\u{1F600}", "\uFF5E", "a b", "-");
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.array(name, { minLength: 1, maxLength: 3 }), { maxLength: 8 }),
      async (trees) => {
        const all = trees.map((parts) => [...parts, "file"].join("/"));
        const context = await contextOf({
          "tree/": "",
          ...Object.fromEntries(all.map((path) => [`tree/${path}`, ""])),
        });
        const listed = await list(context, { src: "tree", dest: "/" });
        const files = listed.filter(({ type }) => type === "file").map(({ path }) => path);
        expect(files.toSorted()).toEqual([...new Set(all)].toSorted());
        expect(listed.map(({ path }) => path)).toEqual(listed.map(({ path }) => path).toSorted(compareBytestrings));
      },
    ),
    { numRuns: 40 },
  );
});

test("a file becomes dest, or goes into it when dest ends in a slash", async () => {
  const context = await contextOf({ "a.txt": "", "b.txt": "" });
  expect(await paths(context, { src: "a.txt", dest: "/etc/x.conf" })).toEqual(["etc/x.conf"]);
  expect(await paths(context, { src: "a.txt", dest: "/etc/" })).toEqual(["etc/a.txt"]);
  expect(await paths(context, { src: "a.txt", dest: "." })).toEqual(["a.txt"]);
  expect(await paths(context, { src: ["a.txt", "b.txt"], dest: "etc/" })).toEqual(["etc/a.txt", "etc/b.txt"]);
  expect(await failure(list(context, { src: ["a.txt", "b.txt"], dest: "/etc" }))).toBe(
    'SPEC: Cannot add several sources to "/etc": dest must be a folder (Write "/etc/")',
  );
  expect(await failure(list(context, { src: "a.txt", dest: "/../x" }))).toContain("leads out of the image");
});

test("a glob takes files by their last name and folders' contents", async () => {
  const context = await contextOf({ "p/a.js": "", "p/b.ts": "", "p/.c.js": "", "p/d.js/inner": "", "q/e.js": "" });
  expect(await paths(context, { src: "p/*.js", dest: "/x/" })).toEqual(["x/", "x/.c.js", "x/a.js", "x/inner"]);
  expect(await paths(context, { src: "q/[^ab].js", dest: "/x/" })).toEqual(["x/e.js"]);
  expect(await paths(context, { src: "**/e.*", dest: "/x/" })).toEqual(["x/e.js"]);
  expect(await paths(context, { src: "q/**", dest: "/x/" })).toEqual(["x/", "x/e.js"]);
  expect(await failure(list(context, { src: "*.go", dest: "/x/" }))).toMatch(
    /^SOURCE_MISSING: Cannot add "\*\.go": it matches nothing in /,
  );
});

test("a backslash takes a wildcard for itself", async () => {
  const context = await contextOf({ "pages/[id].js": "", "pages/i.js": "" });
  expect(await paths(context, { src: String.raw`pages/\[id].js`, dest: "/x/" })).toEqual(["x/[id].js"]);
  expect(await paths(context, { src: "pages/[id].js", dest: "/x/" })).toEqual(["x/i.js"]);
});

test("a source that is missing is named with the nearest name there is", async () => {
  const context = await contextOf({ "packages/server/index.js": "" });
  expect(await failure(list(context, { src: "packages/sever/index.js", dest: "/" }))).toBe(
    `SOURCE_MISSING: Cannot add "packages/sever/index.js": there is no such file in ${context} (Did you mean "packages/server/index.js"?)`,
  );
  expect(await failure(list(context, { src: "unrelated", dest: "/" }))).toBe(
    `SOURCE_MISSING: Cannot add "unrelated": there is no such file in ${context}`,
  );
  expect(await failure(list(join(context, "nowhere"), { src: ".", dest: "/" }))).toContain("SOURCE_MISSING");
});

test("include and exclude choose below the source", async () => {
  const context = await contextOf({ "d/a.js": "", "d/a.js.map": "", "d/x/b.js": "", "d/x/c.css": "", "d/y/z.css": "" });
  const add = { src: "d", dest: "/" };
  expect(await paths(context, { ...add, exclude: "**/*.map" })).toEqual([
    "a.js",
    "x/",
    "x/b.js",
    "x/c.css",
    "y/",
    "y/z.css",
  ]);
  expect(await paths(context, { ...add, include: "**/*.js" })).toEqual(["a.js", "x/", "x/b.js"]);
  expect(await paths(context, { ...add, include: ["/x", "y"], exclude: ["x/*", "!x/b.js", "y"] })).toEqual([
    "x/",
    "x/b.js",
  ]);
  expect(await failure(list(context, { ...add, include: "*.go" }))).toContain("SOURCE_MISSING");
  expect((await listLayer(layerOf({ add: [add], exclude: ["*", "!x"] }), { context, timestamp: 1 })).length).toBe(3);
});

test("the ignore file hides, and what it takes back is found in hidden folders", async () => {
  const context = await contextOf({
    ".dockerignore": "# hide\n\n*\n!/dist/keep\n!README.md\n",
    "dist/keep/a": "",
    "dist/b": "",
    "README.md": "",
    "src/x": "",
  });
  const ignore = readIgnoreFile(context);
  expect(ignore?.source).toBe(".dockerignore");
  expect(await paths(context, { src: ".", dest: "/" }, { ignore })).toEqual([
    "README.md",
    "dist/",
    "dist/keep/",
    "dist/keep/a",
  ]);
  expect(await failure(list(context, { src: "src", dest: "/" }, { ignore }))).toBe(
    'SOURCE_MISSING: Cannot add "src": nothing is left of it (Excluded by "*" in .dockerignore: change it, or take "src" back with a line that begins with "!")',
  );
  expect(await failure(list(context, { src: "dist/b", dest: "/" }, { ignore }))).toContain(".dockerignore");
  expect(await paths(context, { src: "**/keep", dest: "/k/" }, { ignore })).toEqual(["k/", "k/a"]);
});

test(".ladingignore comes before .containerignore and .dockerignore, and a named file must exist", async () => {
  const context = await contextOf({ ".dockerignore": "c", ".containerignore": "b", ".ladingignore": "\uFEFFa\r\n" });
  expect(readIgnoreFile(context)?.source).toBe(".ladingignore");
  expect(readIgnoreFile(context)?.matches("a")).toBe(true);
  expect(readIgnoreFile(context, ".containerignore")?.matches("b")).toBe(true);
  expect(() => readIgnoreFile(context, "other")).toThrow('Cannot read the ignore file "other"');
  writeFileSync(join(context, "bad"), "x\n!\n");
  expect(() => readIgnoreFile(context, "bad")).toThrow('Cannot read the pattern "!" in bad');
});

test("any ignore file leaves in a walk what it leaves one by one", async () => {
  const part = fc.constantFrom("a", "b", "*", "a*", "**", "?");
  const pattern = fc
    .tuple(fc.boolean(), fc.array(part, { minLength: 1, maxLength: 3 }))
    .map(([exception, parts]) => (exception ? "!" : "") + parts.join("/"));
  const names = ["a", "b", "ab"];
  const all = names.flatMap((x) => names.flatMap((y) => names.map((z) => `${x}/${y}/${z}`)));
  const context = await contextOf(Object.fromEntries(all.map((path) => [path, ""])));
  await fc.assert(
    fc.asyncProperty(fc.array(pattern, { maxLength: 4 }), async (patterns) => {
      const ignore = new Matcher(patterns);
      const expected = all.filter((path) => !ignore.matches(path));
      const listed = await list(context, { src: ".", dest: "/" }, { ignore }).catch(() => []);
      expect(listed.filter(({ type }) => type === "file").map(({ path }) => path)).toEqual(expected.toSorted());
    }),
    { numRuns: 150 },
  );
});

function properties(entries: readonly ListedEntry[]): unknown[] {
  return entries.map(({ path, mode, owner, mtime }) => [path, mode.toString(8), owner, mtime]);
}

test("modes, owners and times do not depend on umask or checkout", async () => {
  const context = await contextOf({ "d/run": "", "d/data": "", "d/sub/": "" });
  for (const [name, mode] of [
    ["d/run", 0o750],
    ["d/data", 0o600],
    ["d/sub", 0o700],
    ["d", 0o775],
  ] as const)
    chmodSync(join(context, name), mode);
  const root = { uid: 0, gid: 0 };
  expect(properties(await list(context, { src: "d", dest: "/d" }, { timestamp: 42 }))).toEqual([
    ["d", "755", root, 42],
    ["d/data", "644", root, 42],
    ["d/run", "755", root, 42],
    ["d/sub", "755", root, 42],
  ]);

  chmodSync(join(context, "d/run"), 0o4750);
  utimesSync(join(context, "d/run"), 5, 1_000_000_000.75);
  expect(
    properties(await list(context, { src: "d/run", dest: "/run", mode: "source", mtime: "source", owner: "app:www" })),
  ).toEqual([["run", "4750", { user: "app", group: "www" }, 1_000_000_000]]);
  expect(
    properties(
      await list(context, {
        src: "d",
        dest: "/",
        mode: "g+w,o=",
        dirMode: "2775",
        owner: 7,
        mtime: "2020-01-01T00:00:00Z",
      }),
    ),
  ).toEqual([
    ["data", "660", { uid: 7, gid: 7 }, 1_577_836_800],
    ["run", "770", { uid: 7, gid: 7 }, 1_577_836_800],
    ["sub", "2775", { uid: 7, gid: 7 }, 1_577_836_800],
  ]);
});

test("a layer's word holds for adds that say nothing", async () => {
  const context = await contextOf({ a: "", b: "" });
  const layer = layerOf({
    owner: "1000",
    mode: "0600",
    add: [
      { src: "a", dest: "/a" },
      { src: "b", dest: "/b", mode: "0400", owner: "0" },
      { directory: true, dest: "/c" },
    ],
  });
  const listed = await listLayer(layer, { context, timestamp: 1 });
  expect(listed.map(({ mode, owner }) => [mode, owner])).toEqual([
    [0o600, { uid: 1000, gid: 1000 }],
    [0o400, { uid: 0, gid: 0 }],
    [0o755, { uid: 1000, gid: 1000 }],
  ]);
});

test("only folders that the description gives a mode are explicit", async () => {
  const context = await contextOf({ "d/sub/f": "" });
  const explicit = async (add: unknown): Promise<unknown> =>
    (await list(context, add)).map((entry) => [entry.path, entry.explicit]);
  expect(await explicit({ src: "d", dest: "/x" })).toEqual([
    ["x", false],
    ["x/sub", false],
    ["x/sub/f", true],
  ]);
  expect(await explicit({ src: "d", dest: "/x", dirMode: "0700" })).toEqual([
    ["x", true],
    ["x/sub", true],
    ["x/sub/f", true],
  ]);
  expect(await explicit({ directory: true, dest: "/x/y/" })).toEqual([["x/y", true]]);
});

test("literal content, symlinks and folders", async () => {
  const context = await contextOf({});
  const listed = await list(context, [
    { content: "hello\n", dest: "/etc/motd", mode: "0640" },
    { symlink: "../usr/bin", dest: "/bin" },
    { directory: true, dest: "/tmp", mode: "1777" },
  ]);
  expect(listed).toMatchObject([
    { path: "bin", type: "symlink", linkname: "../usr/bin", mode: 0o777 },
    { path: "etc/motd", type: "file", size: 6, mode: 0o640, content: { kind: "literal" } },
    { path: "tmp", type: "directory", mode: 0o1777 },
  ]);
  expect(await failure(list(context, { content: "x", dest: "/etc/" }))).toContain('Cannot put content at "/etc/"');
});

test("extended attributes come sorted, on files alone", async () => {
  const context = await contextOf({ "d/f": "", "d/e/": "" });
  const xattrs = { "user.b": "text", "user.a": "0sAAE=", "security.capability": "0x0001" };
  const listed = await list(context, { src: "d", dest: "/", xattrs });
  expect(listed.map((entry) => [entry.path, entry.xattrs === undefined ? [] : [...entry.xattrs]])).toEqual([
    ["e", []],
    [
      "f",
      [
        ["security.capability", Buffer.of(0, 1)],
        ["user.a", Buffer.of(0, 1)],
        ["user.b", Buffer.from("text")],
      ],
    ],
  ]);
});

test("one path claimed twice is listed twice, in the order of the description", async () => {
  const context = await contextOf({ a: "1", b: "2" });
  const listed = await list(context, [
    { src: "b", dest: "/x" },
    { src: "a", dest: "/x" },
  ]);
  expect(listed.map(({ path, origin }) => [path, origin])).toEqual([
    ["x", "b"],
    ["x", "a"],
  ]);
});

test("hardlinks lead to the first name in the layer, across adds", async () => {
  const context = await contextOf({ "d/m": "same", "e/z": "other" });
  linkSync(join(context, "d/m"), join(context, "e/a"));
  linkSync(join(context, "d/m"), join(context, "d/n"));
  const listed = await list(context, [
    { src: "d", dest: "/z" },
    { src: "e", dest: "/b" },
  ]);
  expect(listed.map((entry) => [entry.path, entry.type, "linkname" in entry ? entry.linkname : ""])).toEqual([
    ["b", "directory", ""],
    ["b/a", "file", ""],
    ["b/z", "file", ""],
    ["z", "directory", ""],
    ["z/m", "hardlink", "b/a"],
    ["z/n", "hardlink", "b/a"],
  ]);
});

test("names of one file that the layer treats differently stay apart", async () => {
  const context = await contextOf({ a: "same" });
  linkSync(join(context, "a"), join(context, "b"));
  const listed = await list(context, [
    { src: "a", dest: "/a", mode: "0600" },
    { src: "b", dest: "/b" },
  ]);
  expect(listed.map(({ type }) => type)).toEqual(["file", "file"]);
});

test("a hardlink to a file outside the context is a file (C05)", async () => {
  const context = await contextOf({ "x/": "" });
  writeFileSync(join(context, "../outside"), "content");
  linkSync(join(context, "../outside"), join(context, "x/inside"));
  expect(await list(context, { src: "x", dest: "/" })).toMatchObject([{ path: "inside", type: "file", size: 7 }]);
});

test("symlinks in a folder are kept as they are, loops and ways out included (C01, C02)", async () => {
  const context = await contextOf({ "d/f": "" });
  mkdirSync(join(context, "../outside"));
  writeFileSync(join(context, "../outside/secret"), "secret");
  for (const [name, target] of [
    ["passwd", "/etc/passwd"],
    ["up", "../../outside"],
    ["loop", "loop"],
    ["self", "."],
  ] as const)
    symlinkSync(target, join(context, "d", name));
  const listed = await list(context, { src: "d", dest: "/" });
  expect(listed.map((entry) => [entry.path, entry.type === "symlink" ? entry.linkname : entry.type])).toEqual([
    ["f", "file"],
    ["loop", "loop"],
    ["passwd", "/etc/passwd"],
    ["self", "."],
    ["up", "../../outside"],
  ]);
});

test("a source that is a symlink is followed inside the context and kept with a warning otherwise", async () => {
  const context = await contextOf({ "real/f": "x", g: "y" });
  mkdirSync(join(context, "../outside"));
  writeFileSync(join(context, "../outside/secret"), "secret");
  for (const [name, target] of [
    ["folder", "real"],
    ["file", "g"],
    ["out", "../outside"],
    ["passwd", "/etc/passwd"],
    ["broken", "nowhere"],
    ["loop", "loop"],
  ] as const)
    symlinkSync(target, join(context, name));
  expect(await paths(context, { src: "folder", dest: "/x" })).toEqual(["x/", "x/f"]);
  expect(await list(context, { src: "file", dest: "/x/" })).toMatchObject([
    { path: "x/file", type: "file", origin: "g" },
  ]);
  expect(await paths(context, { src: "folder/f", dest: "/x" })).toEqual(["x"]);
  for (const name of ["out", "passwd", "broken", "loop"]) {
    const warnings: string[] = [];
    const listed = await list(
      context,
      { src: name, dest: `/${name}` },
      { onWarning: (message) => warnings.push(message) },
    );
    expect(listed).toMatchObject([{ path: name, type: "symlink" }]);
    expect(warnings).toEqual([`"${name}" is a symlink that leads to nothing in the context: added as a symlink`]);
  }
});

test("what a followed symlink leads to is hidden where the ignore file hides it", async () => {
  const context = await contextOf({ "private/key": "x" });
  symlinkSync("private", join(context, "link"));
  expect(
    await failure(list(context, { src: "link", dest: "/" }, { ignore: new Matcher(["private"], ".dockerignore") })),
  ).toContain('Excluded by "private" in .dockerignore');
});

test("nothing outside the context is a source (C03, C04)", async () => {
  const context = await contextOf({ "a/": "" });
  mkdirSync(join(context, "../outside"));
  writeFileSync(join(context, "../outside/secret"), "secret");
  symlinkSync("../outside", join(context, "link"));
  for (const src of ["../outside/secret", "/etc/passwd", "a/../../outside/secret", "link/secret", "link/*", "../*"])
    expect(await failure(list(context, { src, dest: "/x/" }))).toMatch(/^SOURCE_OUTSIDE: Cannot add "/);
  expect(await paths(context, { src: join(context, "a"), dest: "/x" })).toEqual(["x/"]);
});

test("names that are not UTF-8 keep their bytes (C11)", async () => {
  const context = await contextOf({ "d/plain": "", "d/\uFFFD": "" });
  const raw = Buffer.concat([Buffer.from(`${context}/d/`), Buffer.of(0xff, 0xfe)]);
  mkdirSync(raw);
  writeFileSync(Buffer.concat([raw, Buffer.from("/in")]), "x");
  symlinkSync(Buffer.of(0x2e, 0xff), Buffer.concat([raw, Buffer.from("/link")]));
  const listed = await list(context, { src: "d", dest: "/" });
  expect(listed.map(({ path }) => path)).toEqual([
    "plain",
    "\uFFFD",
    "\udcff\udcfe",
    "\udcff\udcfe/in",
    "\udcff\udcfe/link",
  ]);
  expect(listed.at(-1)).toMatchObject({ type: "symlink", linkname: ".\udcff" });
});

test("names that differ in case or normal form alone are all kept (C12)", async () => {
  const context = await contextOf({ "d/caf\u00E9": "", "d/cafe\u0301": "", "d/A": "", "d/a": "" });
  expect(await paths(context, { src: "d", dest: "/" })).toEqual(["A", "a", "cafe\u0301", "caf\u00E9"]);
});

test("a FIFO, a socket or a device is named, and can be excluded", async () => {
  const context = await contextOf({ "d/f": "" });
  execFileSync("mkfifo", [join(context, "d/pipe")]);
  expect(await failure(list(context, { src: "d", dest: "/" }))).toBe(
    'SOURCE_UNREADABLE: Cannot add "d/pipe": it is a FIFO (Exclude it: only files, folders and links can be added from disk)',
  );
  expect(await failure(list(context, { src: "d/pipe", dest: "/p" }))).toContain("it is a FIFO");
  expect(await paths(context, { src: "d", dest: "/", exclude: "pipe" })).toEqual(["f"]);
});

test("a path that the system finds too long is an error that says so", async () => {
  const context = await contextOf({});
  expect(await failure(list(context, { src: "x".repeat(300), dest: "/" }))).toContain("its path is too long");
});

test.runIf(process.getuid?.() !== 0)("a folder that may not be read is named", async () => {
  const context = await contextOf({ "d/locked/f": "" });
  chmodSync(join(context, "d/locked"), 0);
  expect(await failure(list(context, { src: "d", dest: "/" }))).toContain('Cannot read "d/locked": permission denied');
  chmodSync(join(context, "d/locked"), 0o700);
});

test("listing ends when the signal says so", async () => {
  const context = await contextOf({ "d/f": "" });
  const signal = AbortSignal.abort(new Error("enough"));
  await expect(list(context, { src: "d", dest: "/" }, { signal })).rejects.toThrow("enough");
});

const arm: Platform = { os: "linux", architecture: "arm64" };

test("sources and adds for one platform", async () => {
  const context = await contextOf({ "bin/linux-arm64/tool": "", "bin/linux-amd64/tool": "", both: "" });
  const add = [
    { src: "bin/$TARGETOS-${TARGETARCH}/tool", dest: "/tool" },
    { src: "both", dest: "/amd", platform: "linux/amd64" },
    { src: "both", dest: "/arm", platform: ["linux/arm64", "linux/arm"] },
  ];
  const listed = await list(context, add, { platform: arm });
  expect(listed.map(({ path, origin }) => [path, origin])).toEqual([
    ["arm", "both"],
    ["tool", "bin/linux-arm64/tool"],
  ]);
  expect(await listLayer(layerOf({ platform: "linux/amd64", add }), { context, timestamp: 1, platform: arm })).toEqual(
    [],
  );
  expect(await failure(list(context, add))).toContain("without a platform");
});

test("a layer depends on the platform by filters and by variables", () => {
  const add = { src: "a", dest: "/a" };
  expect(dependsOnPlatform(layerOf({ add: [add] }))).toBe(false);
  expect(dependsOnPlatform(layerOf({ add: [add], platform: "linux/amd64" }))).toBe(true);
  expect(dependsOnPlatform(layerOf({ add: [{ ...add, platform: "linux/amd64" }] }))).toBe(true);
  expect(dependsOnPlatform(layerOf({ add: [{ ...add, src: "x-$TARGETARCH" }] }))).toBe(true);
  expect(dependsOnPlatform(layerOf({ add: [{ ...add, src: "x-$TARGETARCHES" }] }))).toBe(false);
});

test("a file on disk is listed with what lstat says of it", async () => {
  const context = await contextOf({ f: "abc" });
  const [entry] = await list(context, { src: "f", dest: "/f" });
  if (entry?.type !== "file" || entry.content.kind !== "disk") throw new TypeError("expected a file");
  const { size, mtimeMs, ctimeMs, ino, dev, mode } = lstatSync(join(context, "f"));
  expect(entry.content.stat).toEqual({ size, mtimeMs, ctimeMs, ino, dev, mode });
  expect(readFileSync(entry.content.path, "utf8")).toBe("abc");
});
