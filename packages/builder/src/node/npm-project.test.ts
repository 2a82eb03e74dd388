import { join } from "node:path";
import { expect, test } from "vitest";
import { Matcher } from "../list/patterns.ts";
import { describeNodeProject } from "./node-project.ts";
import { project } from "./project-fixture.suite.ts";

const manifest = {
  name: "@acme/app",
  main: "server.js",
  dependencies: { one: "^1.0.0" },
  devDependencies: { tool: "^3.0.0" },
};

const lock = {
  lockfileVersion: 3,
  packages: {
    "": manifest,
    "node_modules/one": { version: "1.0.0", dependencies: { two: "^2.0.0" } },
    "node_modules/two": { version: "2.0.0" },
    "node_modules/tool": { version: "3.0.0", dev: true, dependencies: { "@types/a": "1", "@types/b": "1" } },
    "node_modules/@types/a": { version: "1.0.0", dev: true },
    "node_modules/@types/b": { version: "1.0.0", dev: true },
  },
};

const installed = {
  "server.js": "",
  "node_modules/.package-lock.json": "{}",
  "node_modules/.bin/tool": "",
  "node_modules/one/index.js": "",
  "node_modules/two/index.js": "",
};

const development = {
  "node_modules/tool/index.js": "",
  "node_modules/@types/a/index.d.ts": "",
  "node_modules/@types/b/index.d.ts": "",
};

test("what a program needs to run is shipped, with a layer of its own for the packages of others", async () => {
  await using folder = await project({
    "package.json": manifest,
    "package-lock.json": lock,
    ...installed,
    "node_modules/tool/index.js": "",
  });
  const { spec, context } = describeNodeProject(folder.path, { asked: { platforms: ["linux/amd64"] } });
  expect(context).toBe(folder.path);
  expect(spec).toMatchObject({
    name: "acme/app",
    from: "node:24-slim",
    platforms: ["linux/amd64"],
    entrypoint: ["node", "/app/server.js"],
    workdir: "/app",
    env: { NODE_ENV: "production" },
    user: "1000:1000",
  });
  expect(spec.layers?.map(({ name }) => name)).toEqual(["dependencies", "app"]);
  expect(spec.layers?.[0]?.add).toEqual([
    { src: ["node_modules"], dest: "/app/node_modules", ignore: false, exclude: [".*", "tool"] },
  ]);
  expect(spec.layers?.[1]?.add).toEqual([
    { src: ["."], dest: "/app", exclude: expect.arrayContaining(["node_modules", ".git", ".env"]) },
  ]);
});

test("when most of what is installed is for development, what is shipped is named instead, and a whole scope once", async () => {
  await using folder = await project({
    "package.json": manifest,
    "package-lock.json": lock,
    ...installed,
    ...development,
  });
  const { spec } = describeNodeProject(folder.path);
  expect(spec.layers?.[0]?.add).toMatchObject([{ include: ["one", "two"] }]);

  await using more = await project({
    "package.json": { ...manifest, dependencies: { one: "^1.0.0", more: "1" } },
    "package-lock.json": {
      ...lock,
      packages: {
        ...lock.packages,
        "": { ...manifest, dependencies: { one: "^1.0.0", more: "1" } },
        "node_modules/more": { version: "1.0.0" },
      },
    },
    ...installed,
    ...development,
    "node_modules/more/index.js": "",
  });
  const { spec: other } = describeNodeProject(more.path);
  expect(other.layers?.[0]?.add).toMatchObject([{ exclude: [".*", "@types", "tool"] }]);
});

test("a package.json that the lockfile was not made for is refused, and the message says what differs", async () => {
  await using folder = await project({
    "package.json": { ...manifest, dependencies: { one: "^2.0.0", three: "1" }, devDependencies: {} },
    "package-lock.json": lock,
    ...installed,
  });
  expect(() => describeNodeProject(folder.path)).toThrow(
    "Cannot build by package-lock.json: it does not match package.json: one is ^2.0.0 in package.json and ^1.0.0 in it; three 1 is not in it; tool is not in package.json",
  );
});

test("a package that is not installed is named, with the command that installs it", async () => {
  await using folder = await project({
    "package.json": manifest,
    "package-lock.json": lock,
    "server.js": "",
    "node_modules/one/index.js": "",
  });
  expect(() => describeNodeProject(folder.path)).toThrow(
    expect.objectContaining({
      code: "SOURCE_MISSING",
      message: "Cannot find in node_modules what package-lock.json names: two 2.0.0 (for one)",
      hint: "Run `npm ci`",
    }),
  );
});

test("an old lockfile, two lockfiles and none are told apart", async () => {
  await using old = await project({
    "package.json": manifest,
    "package-lock.json": { lockfileVersion: 1, dependencies: {} },
    "server.js": "",
  });
  expect(() => describeNodeProject(old.path)).toThrow("Cannot read package-lock.json: lockfileVersion 1 says nothing");
  await using two = await project({
    "package.json": manifest,
    "package-lock.json": lock,
    "yarn.lock": "",
    "server.js": "",
  });
  expect(() => describeNodeProject(two.path)).toThrow("there are package-lock.json and yarn.lock");
  await using none = await project({ "package.json": manifest, "server.js": "" });
  expect(() => describeNodeProject(none.path)).toThrow("Cannot find a lockfile");
  await using alone = await project({ "package.json": { main: "server.js" }, "server.js": "" });
  expect(describeNodeProject(alone.path).spec.layers?.map(({ name }) => name)).toEqual(["app"]);
});

const native = { version: "1.0.0", optional: true, os: ["linux"] };
const nativeManifest = { main: "server.js", dependencies: { host: "1" } };
const nativeLock = {
  lockfileVersion: 3,
  packages: {
    "": nativeManifest,
    "node_modules/host": {
      version: "1.0.0",
      optionalDependencies: { "@host/x64": "1.0.0", "@host/arm64": "1.0.0", "@host/arm64-musl": "1", fsevents: "2" },
    },
    "node_modules/@host/x64": { ...native, cpu: ["x64"] },
    "node_modules/@host/arm64": { ...native, cpu: ["arm64"], libc: ["glibc"] },
    "node_modules/@host/arm64-musl": { ...native, cpu: ["arm64"], libc: ["musl"] },
    "node_modules/fsevents": { version: "2.0.0", optional: true, os: ["darwin"] },
  },
};

test("each platform gets the package that is for it, in a layer apart", async () => {
  await using folder = await project({
    "package.json": nativeManifest,
    "package-lock.json": nativeLock,
    "server.js": "",
    "node_modules/host/index.js": "",
    "node_modules/@host/x64/bin": "",
    "node_modules/@host/arm64/bin": "",
  });
  const { spec } = describeNodeProject(folder.path, { asked: { platforms: ["linux/amd64", "linux/arm64"] } });
  expect(spec.layers?.slice(0, 2)).toMatchObject([
    { name: "dependencies", add: [{ include: ["host"] }] },
    {
      name: "platform dependencies",
      add: [
        { src: ["node_modules/@host/x64"], platform: ["linux/amd64"] },
        { src: ["node_modules/@host/arm64"], dest: "/app/node_modules/@host/arm64", platform: ["linux/arm64"] },
      ],
    },
  ]);
  expect(() =>
    describeNodeProject(folder.path, { asked: { platforms: ["linux/arm64"], from: "node:24-alpine" } }),
  ).toThrow(
    expect.objectContaining({
      message: "Cannot build for linux/arm64: node_modules lacks @host/arm64-musl 1.0.0, which host needs there",
      hint: expect.stringContaining("--os=linux --cpu=arm64 --libc=musl @host/arm64-musl@1.0.0"),
    }),
  );
});

test("a package of a workspace is built with what it needs of the others, from the workspace's root", async () => {
  const api = { name: "@acme/api", main: "server.js", dependencies: { "@acme/lib": "1.0.0", one: "1" } };
  const lib = { name: "@acme/lib", version: "1.0.0", files: ["lib.js"], dependencies: { two: "2" } };
  await using folder = await project({
    "package.json": { name: "root", workspaces: ["packages/*"] },
    "packages/api/package.json": api,
    "packages/api/server.js": "",
    "packages/api/.dockerignore": "notes\n",
    "packages/lib/package.json": lib,
    "packages/other/package.json": { name: "other" },
    "package-lock.json": {
      lockfileVersion: 2,
      packages: {
        "": { name: "root" },
        "packages/api": api,
        "packages/lib": lib,
        "packages/other": { name: "other", dependencies: { three: "3" } },
        "node_modules/@acme/api": { resolved: "packages/api", link: true },
        "node_modules/@acme/lib": { resolved: "packages/lib", link: true },
        "node_modules/one": { version: "1.0.0" },
        "node_modules/three": { version: "3.0.0" },
        "node_modules/two": { version: "1.0.0" },
        "packages/lib/node_modules/two": { version: "2.0.0" },
      },
    },
    "node_modules/@acme/api": { link: "../../packages/api" },
    "node_modules/@acme/lib": { link: "../../packages/lib" },
    "node_modules/one/index.js": "",
    "node_modules/two/index.js": "",
    "packages/lib/node_modules/two/index.js": "",
  });
  const { spec, context } = describeNodeProject(join(folder.path, "packages/api"));
  expect(context).toBe(folder.path);
  expect(spec).toMatchObject({ workdir: "/app/packages/api", entrypoint: ["node", "/app/packages/api/server.js"] });
  expect(spec.layers).toMatchObject([
    {
      name: "dependencies",
      add: [
        { src: ["node_modules"], include: ["one"] },
        { src: ["packages/lib/node_modules"], exclude: [".*"] },
      ],
    },
    { name: "workspace", add: [{ src: ["packages/lib"], include: ["package.json", "lib.js"] }] },
    { name: "links", add: [{ src: ["node_modules"], dest: "/app/node_modules", include: ["@acme/lib"] }] },
    { name: "app", add: [{ src: ["packages/api"], exclude: expect.arrayContaining(["notes"]) }] },
  ]);
});

test("the base is the project's own, else its workspace's, and what was asked for before both", async () => {
  const empty = { lockfileVersion: 3, packages: { "": {}, "packages/api": {} } };
  await using folder = await project({
    "package.json": { workspaces: ["packages/*"], lading: { base: "registry.example.com/node:root" } },
    "packages/api/package.json": { main: "server.js" },
    "packages/api/server.js": "",
    "package-lock.json": empty,
  });
  const api = join(folder.path, "packages/api");
  expect(describeNodeProject(api).spec.from).toBe("registry.example.com/node:root");
  expect(describeNodeProject(api, { asked: { from: "oci:base" } }).spec.from).toBe("oci:base");
});

test("a link out of the workspace is refused", async () => {
  const app = { main: "server.js", dependencies: { lib: "file:../lib" } };
  await using folder = await project({
    "package.json": app,
    "server.js": "",
    "package-lock.json": {
      lockfileVersion: 3,
      packages: { "": app, "../lib": { version: "1.0.0" }, "node_modules/lib": { resolved: "../lib", link: true } },
    },
    "node_modules/lib": { link: "../../lib" },
  });
  expect(() => describeNodeProject(folder.path)).toThrow('Cannot ship "node_modules/lib": it is a link to "../../lib"');
});

test("an add-on that was compiled here is no add-on for another platform", async () => {
  const app = { main: "server.js", dependencies: { sqlite: "1" } };
  const elf = Buffer.alloc(64);
  elf.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  elf.writeUInt16LE(62, 18);
  const files = {
    "package.json": app,
    "server.js": "",
    "package-lock.json": {
      lockfileVersion: 3,
      packages: { "": app, "node_modules/sqlite": { version: "1.0.0", hasInstallScript: true } },
    },
    "node_modules/sqlite/index.js": "",
  };
  await using compiled = await project({ ...files, "node_modules/sqlite/build/Release/sqlite.node": elf });
  const layers = describeNodeProject(compiled.path, { asked: { platforms: ["linux/amd64"] } }).spec.layers;
  expect(layers?.[0]?.name).toBe("dependencies");
  expect(() => describeNodeProject(compiled.path, { asked: { platforms: ["linux/arm64"] } })).toThrow(
    "Cannot build for linux/arm64: build/Release/sqlite.node of sqlite 1.0.0 was compiled for another platform",
  );

  await using prebuilt = await project({
    ...files,
    "node_modules/sqlite/prebuilds/linux-x64/a.node": elf,
    "node_modules/sqlite/prebuilds/darwin-x64+arm64/a.node": "",
  });
  expect(() => describeNodeProject(prebuilt.path, { asked: { platforms: ["linux/amd64", "linux/arm64"] } })).toThrow(
    "Cannot build for linux/arm64: sqlite 1.0.0 has compiled add-ons only for darwin-x64+arm64, linux-x64",
  );
});

test("the main and the programs of a package are shipped although files does not name them, as npm has it", async () => {
  const app = {
    main: "server.js",
    workspaces: ["lib"],
    files: ["dist"],
    bin: { app: "./cli.mjs" },
    dependencies: { lib: "1" },
  };
  const lib = { name: "lib", version: "1.0.0", main: "./index", files: ["dist"] };
  await using folder = await project({
    "package.json": app,
    "server.js": "",
    "package-lock.json": {
      lockfileVersion: 3,
      packages: { "": app, lib, "node_modules/lib": { resolved: "lib", link: true } },
    },
    "node_modules/lib": { link: "../lib" },
    "lib/package.json": lib,
    "lib/index.js": "",
  });
  expect(describeNodeProject(folder.path, { asked: { entrypoint: ["node"] } }).spec.layers).toMatchObject([
    { name: "workspace", add: [{ include: ["package.json", "dist", "index", "index.js"] }] },
    { name: "links" },
    { name: "app", add: [{ include: ["package.json", "dist", "server.js", "server.js.js", "cli.mjs"] }] },
  ]);
});

test("an ignore file that leaves out what the image starts is refused, and .ladingignore stands in for it", async () => {
  const files = {
    "package.json": { main: "dist/server.js" },
    "dist/server.js": "",
    ".dockerignore": "node_modules\ndist\n",
  };
  await using folder = await project(files);
  expect(() => describeNodeProject(folder.path)).toThrow(
    'Cannot start the image: dist/server.js is left out by "dist" in .dockerignore',
  );
  await using own = await project({ ...files, ".ladingignore": "notes\n" });
  expect(describeNodeProject(own.path).spec.entrypoint).toEqual(["node", "/app/dist/server.js"]);
});

test("what an .npmignore names of a package without files is not shipped", async () => {
  await using folder = await project({
    "package.json": { main: "server.js" },
    "server.js": "",
    ".npmignore": "# sources\nsrc/\n/docs/*.md\n!keep.md  \n*.map\n",
  });
  expect(describeNodeProject(folder.path).spec.layers).toMatchObject([
    { add: [{ exclude: expect.arrayContaining(["**/src", "docs/*.md", "!**/keep.md", "**/*.map"]) }] },
  ]);
});

test("an .npmignore leaves out neither package.json nor main nor programs, as for npm", async () => {
  await using folder = await project({
    "package.json": { main: "lib/index", bin: { tool: "./bin/tool.js" }, scripts: { start: "node dist/server.js" } },
    "dist/server.js": "",
    ".npmignore": "*\n!dist/**\n",
  });
  const [layer] = describeNodeProject(folder.path).spec.layers ?? [];
  const [add] = layer?.add ?? [];
  const left = new Matcher((add !== undefined && "exclude" in add && add.exclude) || []);
  for (const path of ["package.json", "lib/index.js", "bin/tool.js", "dist/server.js", "dist/other.js"])
    expect([path, left.matches(path)]).toEqual([path, false]);
  for (const path of ["notes.txt", "lib/other.js", "dist/server.test.js"])
    expect([path, left.matches(path)]).toEqual([path, true]);
});

test("a program that is called like what is never shipped is shipped", async () => {
  await using folder = await project({ "package.json": { main: "coverage/run.test.js" }, "coverage/run.test.js": "" });
  expect(describeNodeProject(folder.path).spec.layers).toMatchObject([
    { add: [{ exclude: expect.arrayContaining(["coverage", "!coverage/run.test.js"]) }] },
  ]);
});

test("a project of bun is refused with the command that writes a lockfile which is known", async () => {
  await using folder = await project({ "package.json": manifest, "bun.lock": "{}" });
  expect(() => describeNodeProject(folder.path)).toThrow(
    expect.objectContaining({
      message: `Cannot build "${folder.path}" by bun.lock: only lockfiles of npm, pnpm and Yarn are known`,
      hint: expect.stringContaining("bun install --yarn"),
    }),
  );
});

test("packages that npm has linked from its store are found where they are", async () => {
  const store = "node_modules/.store";
  await using folder = await project({
    "package.json": manifest,
    "package-lock.json": lock,
    "server.js": "",
    "node_modules/one": { link: ".store/one@1.0.0-abc/node_modules/one" },
    [`${store}/one@1.0.0-abc/node_modules/one/package.json`]: { version: "1.0.0" },
    [`${store}/one@1.0.0-abc/node_modules/two`]: { link: "../../two@2.0.0-abc/node_modules/two" },
    [`${store}/two@2.0.0-abc/node_modules/two/package.json`]: { version: "2.0.0" },
  });
  expect(describeNodeProject(folder.path).spec.layers).toMatchObject([
    { name: "dependencies", add: [{ src: [store], exclude: [".*"] }] },
    { name: "links", add: [{ src: ["node_modules"], include: ["one"] }] },
    { name: "app" },
  ]);
});

function addon(libc: string): Buffer {
  const elf = Buffer.alloc(64);
  elf.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  elf.writeUInt16LE(62, 18);
  return Buffer.concat([elf, Buffer.from(`\0${libc}\0`)]);
}

const sqlite = {
  "package.json": { main: "server.js", dependencies: { sqlite: "1" } },
  "server.js": "",
  "package-lock.json": {
    lockfileVersion: 3,
    packages: {
      "": { main: "server.js", dependencies: { sqlite: "1" } },
      "node_modules/sqlite": { version: "1.0.0", hasInstallScript: true },
    },
  },
  "node_modules/sqlite/package.json": { version: "1.0.0" },
};

test.each([
  ["build/Release/sqlite.node", "Cannot build for linux/amd64: build/Release/sqlite.node of sqlite 1.0.0 was compiled"],
  ["lib/binding/napi-v6/sqlite.node", "Cannot build for linux/amd64: lib/binding/napi-v6/sqlite.node of sqlite 1.0.0"],
])("an add-on for another C library than the base's is refused: %s", async (file, message) => {
  await using folder = await project({
    ...sqlite,
    "node_modules/sqlite/binding.gyp": "",
    [`node_modules/sqlite/${file}`]: addon("libc.so.6"),
  });
  const platforms = ["linux/amd64"];
  expect(describeNodeProject(folder.path, { asked: { platforms } }).warnings).toEqual([]);
  expect(() => describeNodeProject(folder.path, { asked: { platforms, from: "node:24-alpine" } })).toThrow(message);
});

test("prebuilt add-ons of one C library are none for the other", async () => {
  await using folder = await project({ ...sqlite, "node_modules/sqlite/prebuilds/linux-x64/node.napi.glibc.node": "" });
  const platforms = ["linux/amd64"];
  expect(() => describeNodeProject(folder.path, { asked: { platforms } })).not.toThrow();
  expect(() => describeNodeProject(folder.path, { asked: { platforms, from: "node:24-alpine" } })).toThrow(
    "sqlite 1.0.0 has compiled add-ons only for linux-x64",
  );
});

test("an add-on that nobody compiled is told", async () => {
  await using folder = await project({ ...sqlite, "node_modules/sqlite/binding.gyp": "" });
  expect(describeNodeProject(folder.path).warnings).toEqual([
    "sqlite 1.0.0 has an add-on to compile (binding.gyp), and it is not compiled: its install script was not run",
  ]);
});
