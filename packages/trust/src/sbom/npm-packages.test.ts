import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { imageOf } from "./image-of.suite.ts";
import { takeInventory } from "./inventory.ts";
import type { Package } from "./package.ts";

const manifest = (name: string, version = "1.0.0", more: object = {}): string =>
  JSON.stringify({ name, version, ...more });
const hash = createHash("sha512").update("an archive").digest();
const integrity = `sha512-${hash.toString("base64")}`;

async function packagesOf(...layers: Parameters<typeof imageOf>[0]["layers"]): Promise<readonly Package[]> {
  const { packages, unread } = await takeInventory(await imageOf({ layers }));
  expect(unread).toEqual([]);
  return packages;
}

/** "name@version" of each, with how it came in. */
function shown(packages: readonly Package[]): readonly string[] {
  return packages.map(
    ({ name, version, carried }) => `${name}@${version}${carried === undefined ? "" : ` ${carried}`}`,
  );
}

test("packages are those of the folders of node_modules, with purl, licence, path and layer", async () => {
  const packages = await packagesOf(
    { "etc/hosts": "" },
    {
      "app/node_modules/@acme/lib/package.json": manifest("@acme/lib", "2.1.0-rc.1", { license: "MIT OR Apache-2.0" }),
    },
  );

  expect(packages).toEqual([
    {
      type: "npm",
      name: "@acme/lib",
      version: "2.1.0-rc.1",
      purl: "pkg:npm/%40acme/lib@2.1.0-rc.1",
      path: "app/node_modules/@acme/lib",
      layer: 1,
      licence: "MIT OR Apache-2.0",
      dependencies: [],
    },
  ]);
});

test.each([
  ["an object", { license: { type: "BSD-3-Clause", url: "https://x" } }, "BSD-3-Clause"],
  ["several", { licenses: [{ type: "MIT" }, { type: "GPL-2.0" }] }, "(MIT OR GPL-2.0)"],
  ["a sentence", { license: "SEE LICENSE IN LICENSE" }, "SEE LICENSE IN LICENSE"],
  ["none", {}, undefined],
  ["an empty one", { license: " " }, undefined],
])("of a licence as %s the text is taken", async (_, fields, licence) => {
  const [found] = await packagesOf({ "node_modules/a/package.json": manifest("a", "1.0.0", fields) });

  expect(found?.licence).toBe(licence);
});

test("what later layers removed or replaced is not there, and what they brought is of them", async () => {
  const packages = await packagesOf(
    {
      "app/node_modules/gone/package.json": manifest("gone"),
      "app/node_modules/moved/package.json": manifest("moved", "1.0.0"),
      "app/old/node_modules/hidden/package.json": manifest("hidden"),
    },
    {
      "app/node_modules/.wh.gone": "",
      "app/node_modules/moved/package.json": manifest("moved", "2.0.0"),
      "app/old/.wh..wh..opq": "",
    },
  );

  expect(shown(packages)).toEqual(["moved@2.0.0"]);
  expect(packages[0]?.layer).toBe(1);
});

test("a package.json without name or version is no package, and neither is one that repeats the package around it", async () => {
  const packages = await packagesOf({
    "node_modules/a/package.json": manifest("a"),
    "node_modules/a/esm/package.json": JSON.stringify({ type: "module" }),
    "node_modules/a/cjs/package.json": manifest("a", "0.0.0"),
    "node_modules/a/nameless/package.json": JSON.stringify({ version: "1.0.0" }),
  });

  expect(shown(packages)).toEqual(["a@1.0.0"]);
});

test("a package among the files of another is vendored, one that nobody installed is an application", async () => {
  const packages = await packagesOf({
    "app/package.json": manifest("shop", "3.0.0"),
    "app/node_modules/a/package.json": manifest("a"),
    "app/node_modules/a/dist/compiled/b/package.json": manifest("b", "0.1.0"),
    "app/packages/lib/package.json": manifest("@shop/lib"),
    "package.json": manifest("at-the-root"),
  });

  expect(shown(packages)).toEqual([
    "@shop/lib@1.0.0 application",
    "a@1.0.0",
    "at-the-root@1.0.0 application",
    "b@0.1.0 vendored",
    "shop@3.0.0 application",
  ]);
});

test("dependencies are what Node would load: the nearest copy", async () => {
  const packages = await packagesOf({
    "app/package.json": manifest("app", "1.0.0", { dependencies: { a: "*", b: "*" }, devDependencies: { t: "*" } }),
    "app/node_modules/a/package.json": manifest("a", "1.0.0", {
      dependencies: { c: "^2" },
      optionalDependencies: { d: "*" },
    }),
    "app/node_modules/a/node_modules/c/package.json": manifest("c", "2.0.0"),
    "app/node_modules/b/package.json": manifest("b", "1.0.0", { peerDependencies: { c: "*" } }),
    "app/node_modules/c/package.json": manifest("c", "1.0.0"),
    "app/node_modules/t/package.json": manifest("t"),
  });

  const edges = Object.fromEntries(packages.map((one) => [`${one.name}@${one.version}`, shown(one.dependencies)]));
  expect(edges).toEqual({
    "app@1.0.0": ["a@1.0.0", "b@1.0.0"],
    "a@1.0.0": ["c@2.0.0"],
    "b@1.0.0": ["c@1.0.0"],
    "c@1.0.0": [],
    "c@2.0.0": [],
    "t@1.0.0": [],
  });
});

test("pnpm's links lead to where packages are, each of which is listed once", async () => {
  const packages = await packagesOf({
    "app/node_modules/a": { symlink: ".pnpm/a@1.0.0/node_modules/a" },
    "app/node_modules/.pnpm/a@1.0.0/node_modules/a/package.json": manifest("a", "1.0.0", { dependencies: { b: "1" } }),
    "app/node_modules/.pnpm/a@1.0.0/node_modules/b": { symlink: "../../b@1.0.0/node_modules/b" },
    "app/node_modules/.pnpm/b@1.0.0/node_modules/b/package.json": manifest("b"),
    "app/package.json": manifest("app", "1.0.0", { dependencies: { a: "1" } }),
  });

  expect(packages.map(({ name, dependencies }) => [name, shown(dependencies)])).toEqual([
    ["a", ["b@1.0.0"]],
    ["app", ["a@1.0.0"]],
    ["b", []],
  ]);
});

test("a hardlink to a file of another name is read as what it is called", async () => {
  const packages = await packagesOf(
    { "store/ab12": manifest("a") },
    { "x/other": manifest("b"), "x/node_modules/b/package.json": { hardlink: "x/other" } },
  );

  expect(shown(packages)).toEqual(["b@1.0.0"]);
});

test("a folder that a link leads to is where its packages are", async () => {
  const packages = await packagesOf({
    lib: { symlink: "usr/lib" },
    "lib/node_modules/a/package.json": manifest("a"),
  });

  expect(packages[0]?.path).toBe("usr/lib/node_modules/a");
});

test("what a package carries in its archive is bundled, and so is what that needs", async () => {
  const packages = await packagesOf({
    "node_modules/npm/package.json": manifest("npm", "10.0.0", {
      dependencies: { abbrev: "*", outside: "*" },
      bundleDependencies: ["abbrev"],
    }),
    "node_modules/npm/node_modules/abbrev/package.json": manifest("abbrev", "3.0.0", { dependencies: { deep: "*" } }),
    "node_modules/npm/node_modules/deep/package.json": manifest("deep"),
    "node_modules/outside/package.json": manifest("outside"),
  });

  expect(shown(packages)).toEqual(["abbrev@3.0.0 bundled", "deep@1.0.0 bundled", "npm@10.0.0", "outside@1.0.0"]);
});

const lockfiles: readonly (readonly [string, string, string | undefined])[] = [
  [
    "app/node_modules/.package-lock.json",
    JSON.stringify({
      lockfileVersion: 3,
      packages: {
        "node_modules/@acme/a": { version: "1.0.0", resolved: "https://me:secret@r.example/a.tgz?token=x", integrity },
      },
    }),
    "https://r.example/a.tgz",
  ],
  [
    "app/package-lock.json",
    JSON.stringify({ packages: { "node_modules/@acme/a": { version: "1.0.0", integrity: `sha1-x ${integrity}` } } }),
    undefined,
  ],
  [
    "app/pnpm-lock.yaml",
    `lockfileVersion: '9.0'\n\npackages:\n\n  '@acme/a@1.0.0':\n    resolution: {integrity: ${integrity}}\n    engines: {node: '>=18'}\n`,
    undefined,
  ],
  [
    "app/node_modules/.pnpm/lock.yaml",
    `lockfileVersion: '6.0'\n\npackages:\n\n  /@acme/a@1.0.0(peer@2.0.0):\n    resolution: {integrity: ${integrity}, tarball: x}\n`,
    undefined,
  ],
  [
    "app/yarn.lock",
    `# yarn lockfile v1\n\n"@acme/a@^1", "@acme/a@^1.0":\n  version "1.0.0"\n  resolved "https://r.example/a.tgz#123"\n  integrity ${integrity}\n`,
    "https://r.example/a.tgz",
  ],
];

test.each(lockfiles)("integrity and source come from %s", async (path, content, source) => {
  const [found] = await packagesOf({
    [path]: content,
    "app/node_modules/@acme/a/package.json": manifest("@acme/a"),
  });

  expect(found).toMatchObject({ sha512: hash.toString("hex") });
  expect(found?.source).toBe(source);
});

const lock = (version: string): string => JSON.stringify({ packages: { "node_modules/a": { version, integrity } } });

test("a lockfile of other versions, or of another folder, says nothing", async () => {
  const packages = await packagesOf({
    "app/package-lock.json": lock("1.0.1"),
    "other/package-lock.json": lock("1.0.0"),
    "app/node_modules/a/package.json": manifest("a"),
  });

  expect(packages.map(({ sha512 }) => sha512)).toEqual([undefined]);
});

test.each([
  ["no JSON", "{", "it is no JSON"],
  ["a list", "[]", "it is no JSON object"],
  ["a deep list", `${"[".repeat(200_000)}${"]".repeat(200_000)}`, "it is no JSON object"],
  ["a name with escapes", manifest("\u001b[31mred"), "its name is none that npm takes"],
  ["a path for a name", manifest("../../etc"), "its name is none that npm takes"],
  ["a version with spaces", manifest("a", "1 2"), "its version is none"],
  ["two megabytes", manifest("a", "1.0.0", { readme: "x".repeat(2 ** 21) }), "bytes are more than 1048576"],
])("a package.json with %s is told of, and the others are read", async (_, content, reason) => {
  const image = await imageOf({
    layers: [{ "node_modules/bad/package.json": content, "node_modules/good/package.json": manifest("good") }],
  });

  const { packages, unread } = await takeInventory(image);

  expect(shown(packages)).toEqual(["good@1.0.0"]);
  expect(unread).toMatchObject([{ path: "node_modules/bad/package.json", reason: expect.stringContaining(reason) }]);
});

test("names of Object.prototype are names of packages like others", async () => {
  const packages = await packagesOf({
    "node_modules/constructor/package.json": `{"name":"constructor","version":"1.0.0","dependencies":{"__proto__":"1","toString":"1"}}`,
    "node_modules/__proto__/package.json": manifest("__proto__"),
    "node_modules/.package-lock.json": `{"packages":{"__proto__":{"version":"1.0.0"}}}`,
  });

  expect(packages.map(({ name, dependencies }) => [name, shown(dependencies)])).toEqual([
    ["__proto__", []],
    ["constructor", ["__proto__@1.0.0"]],
  ]);
});
