import { expect, test } from "vitest";
import { type EntryPoint, entryPointOf, type Startable } from "./entry-point.ts";
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

/** With these files, or with all. */
function only(...files: readonly string[]): Startable {
  return {
    exists: (file) => files.includes(file),
    program: (name) =>
      name === "next" ? { file: next.file, flags: [] } : { why: `runs "${name}", which is not there` },
  };
}
const next = { file: "node_modules/next/dist/bin/next", ofDependency: true };
const all: Startable = { ...only(), exists: () => true };

function entryOf(manifest: Partial<PackageManifest>, startable = all): EntryPoint {
  return entryPointOf({ ...empty, ...manifest }, startable);
}

test.each([
  ["node server.js", { file: "server.js" }],
  ["node ./dist/main.js --port 80", { file: "dist/main.js", arguments: ["--port", "80"] }],
  [
    "node --enable-source-maps --import ./otel.js dist/a.js",
    { flags: ["--enable-source-maps", "--import", "./otel.js"], file: "dist/a.js" },
  ],
  ["node .", { file: "index.js" }],
  ["node a.js --title 'My app'", { file: "a.js", arguments: ["--title", "My app"] }],
  ["NODE_ENV=staging PORT=1 node a.js", { file: "a.js", env: { NODE_ENV: "staging", PORT: "1" } }],
  [
    "cross-env NODE_OPTIONS='--max-old-space-size=512 --no-warnings' node a.js",
    { file: "a.js", env: { NODE_OPTIONS: "--max-old-space-size=512 --no-warnings" } },
  ],
  ["node --env-file-if-exists .env a.js", { flags: ["--env-file-if-exists", ".env"], file: "a.js" }],
  ["next start -p 80", { ...next, arguments: ["start", "-p", "80"] }],
  ["PORT=80 npx next start", { ...next, arguments: ["start"], env: { PORT: "80" } }],
  ["npx -y next start", { ...next, arguments: ["start"] }],
  ["npx --no-install -- next --yes", { ...next, arguments: ["--yes"] }],
  ["node node_modules/next/dist/bin/next", { file: next.file }],
])("the start script %s is understood", (start, expected) => {
  expect(entryOf({ scripts: { start } })).toEqual({ flags: [], arguments: [], env: {}, ...expected });
});

test.each(["npm run serve", "npm run -s serve", "pnpm serve", "pnpm run serve", "yarn serve", "A=1 npm run serve"])(
  "the start script %s is the other script",
  (start) => {
    expect(entryOf({ scripts: { start, serve: "B=2 node a.js" } })).toMatchObject({ file: "a.js", env: { B: "2" } });
  },
);

test.each([
  ["node a.js && node b.js", "needs a shell"],
  ["node $X", "needs a shell"],
  ['node "$X"', "needs a shell"],
  ["node -e 1", "runs node with -e"],
  ["node --watch a.js", "runs node with --watch"],
  ["node --env-file=.env a.js", "runs node with --env-file=.env, and that file is in no image"],
  ["node", "runs node without a file"],
  ["", "runs nothing"],
  ["tsx src/main.ts", 'runs "tsx", which is not there'],
  ["npm run other", 'runs "other", which needs a shell: node b.js | tee log'],
  ["npx --yes tsx src/main.ts", 'runs "tsx", which is not there'],
  ["npm run start", "runs itself"],
  ["npm run none", 'runs "npm", which is not there'],
])("the start script %s is not what starts an image: it %s", (start, why) => {
  const scripts = { start, other: "node b.js | tee log" };
  expect(() => entryOf({ scripts }, only())).toThrow(
    `Cannot tell how the image starts: its start script "${start}" ${why}, and package.json has no bin, main or exports`,
  );
  expect(entryOf({ scripts, main: "lib" }, only("lib.js"))).toEqual({
    flags: [],
    file: "lib.js",
    arguments: [],
    env: {},
    doubt: `lib.js starts the image, and not the start script "${start}", which ${why}`,
  });
});

test("without a start script bin is taken, then main, then exports, then index.js or server.js", () => {
  const exports = { ".": { types: "./a.d.ts", import: { default: "./a.mjs" } }, "./b": "./b.js" };
  expect(entryOf({ bin: { tool: "./bin/tool.js" }, main: "lib.js", exports }).file).toBe("bin/tool.js");
  expect(entryOf({ name: "@a/two", bin: { one: "one.js", two: "two.js" } }).file).toBe("two.js");
  expect(entryOf({ main: "./lib.js", exports }).file).toBe("lib.js");
  expect(entryOf({ exports }).file).toBe("a.mjs");
  expect(entryOf({}).file).toBe("index.js");
  expect(entryOf({}, only("server.js")).file).toBe("server.js");
});

test("main may leave out what Node adds", () => {
  expect(entryOf({ main: "lib" }, only("lib/index.js")).file).toBe("lib/index.js");
  expect(entryOf({ main: "lib" }, only("lib.js")).file).toBe("lib.js");
});

test("what cannot be told is said, with what stood in the way", () => {
  expect(() => entryOf({ bin: { a: "a.js", b: "b.js" } }, only())).toThrow("several bin: a, b");
  expect(() => entryOf({}, only())).toThrow("and there is no index.js or server.js");
  expect(() => entryOf({ main: "dist/a.js", scripts: { build: "tsc" } }, only())).toThrow(
    expect.objectContaining({
      message: 'Cannot start the image: package.json names "dist/a.js", and it is not there',
      hint: "Build the project first: npm run build",
    }),
  );
  expect(() => entryOf({ main: "index.js", scripts: { start: "nest start" } }, only())).toThrow(
    'package.json names "index.js", and it is not there, and cannot do with the start script "nest start", which runs "nest"',
  );
});
