import { expect, test } from "vitest";
import { entryPointOf, parseNodeCommand } from "./entry-point.ts";
import type { PackageManifest } from "./lockfile.ts";

const empty: PackageManifest = {
  scripts: {},
  engines: {},
  dependencies: {},
  devDependencies: {},
  optionalDependencies: {},
  resolutions: {},
  lading: {},
};
const all = (): boolean => true;
const none = (): boolean => false;
const only = (wanted: string) => (path: string) => path === wanted;

function fileOf(manifest: Partial<PackageManifest>): string {
  return entryPointOf({ ...empty, ...manifest }, all).file;
}

test.each([
  ["node server.js", [], "server.js", []],
  ["node ./dist/main.js --port 80", [], "dist/main.js", ["--port", "80"]],
  [
    "node --enable-source-maps --import ./otel.js dist/a.js",
    ["--enable-source-maps", "--import", "./otel.js"],
    "dist/a.js",
    [],
  ],
  ["node .", [], "index.js", []],
] as const)("%s is understood", (start, flags, file, args) => {
  expect(entryPointOf({ ...empty, scripts: { start } }, all)).toEqual({ flags, file, arguments: args });
});

test.each([
  "tsx src/main.ts",
  "node a.js && node b.js",
  "PORT=1 node a.js",
  "node -e 1",
  "node --watch a.js",
  "node $X",
  "node",
])("%s is no plain call of node", (command) => {
  expect(parseNodeCommand(command)).toBeUndefined();
});

test("without a start script bin is taken, then main, then exports, then index.js", () => {
  const exports = { ".": { types: "./a.d.ts", import: { default: "./a.mjs" } }, "./b": "./b.js" };
  expect(fileOf({ bin: { tool: "./bin/tool.js" }, main: "lib.js", exports })).toBe("bin/tool.js");
  expect(fileOf({ name: "@a/two", bin: { one: "one.js", two: "two.js" } })).toBe("two.js");
  expect(fileOf({ main: "./lib.js", exports })).toBe("lib.js");
  expect(fileOf({ exports })).toBe("a.mjs");
  expect(fileOf({})).toBe("index.js");
});

test("main may leave out what Node adds", () => {
  expect(entryPointOf({ ...empty, main: "lib" }, only("lib/index.js")).file).toBe("lib/index.js");
  expect(entryPointOf({ ...empty, main: "lib" }, only("lib.js")).file).toBe("lib.js");
});

test("what cannot be told is said, with what stood in the way", () => {
  expect(() => entryPointOf({ ...empty, scripts: { start: "next start" } }, none)).toThrow(
    'its start script "next start" is not a plain "node FILE"',
  );
  expect(() => entryPointOf({ ...empty, bin: { a: "a.js", b: "b.js" } }, none)).toThrow("several bin: a, b");
  expect(() => entryPointOf({ ...empty, main: "dist/a.js", scripts: { build: "tsc" } }, none)).toThrow(
    expect.objectContaining({
      message: 'Cannot start the image: package.json names "dist/a.js", and it is not there',
      hint: "Build the project first: npm run build",
    }),
  );
});
