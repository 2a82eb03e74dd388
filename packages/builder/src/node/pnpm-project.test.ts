import { join } from "node:path";
import { expect, test } from "vitest";
import { describeNodeProject } from "./node-project.ts";
import { project } from "./project-fixture.suite.ts";

const store = "node_modules/.pnpm";

const files = {
  "pnpm-workspace.yaml": "packages: [packages/*]\n",
  "package.json": { name: "root" },
  "packages/api/package.json": {
    name: "@acme/api",
    main: "server.js",
    dependencies: { "@acme/lib": "workspace:*", one: "^1.0.0" },
    devDependencies: { tool: "3" },
  },
  "packages/api/server.js": "",
  "packages/api/node_modules/one": { link: `../../../${store}/one@1.0.0/node_modules/one` },
  "packages/api/node_modules/tool": { link: `../../../${store}/tool@3.0.0/node_modules/tool` },
  "packages/api/node_modules/@acme/lib": { link: "../../../lib" },
  "packages/lib/package.json": { name: "@acme/lib", dependencies: { two: "2" } },
  "packages/lib/node_modules/two": { link: `../../../${store}/two@2.0.0/node_modules/two` },
  [`${store}/lock.yaml`]: "",
  [`${store}/node_modules/two`]: { link: "../two@2.0.0/node_modules/two" },
  [`${store}/node_modules/tool`]: { link: "../tool@3.0.0/node_modules/tool" },
  [`${store}/one@1.0.0/node_modules/one/index.js`]: "",
  [`${store}/one@1.0.0/node_modules/two`]: { link: "../../two@2.0.0/node_modules/two" },
  [`${store}/one@1.0.0/node_modules/@bin/x64`]: { link: "../../../@bin+x64@1.0.0/node_modules/@bin/x64" },
  [`${store}/two@2.0.0/node_modules/two/index.js`]: "",
  [`${store}/tool@3.0.0/node_modules/tool/index.js`]: "",
  [`${store}/@bin+x64@1.0.0/node_modules/@bin/x64/bin`]: "",
};

const importers = (version: (name: string) => string): string => `importers:

  .: {}

  packages/api:
    dependencies:
      '@acme/lib':
        specifier: workspace:*
        version: link:../lib
      one:
        specifier: ^1.0.0
        version: ${version("1.0.0")}
    devDependencies:
      tool:
        specifier: '3'
        version: 3.0.0

  packages/lib:
    dependencies:
      two:
        specifier: '2'
        version: 2.0.0
`;

const version9 = `lockfileVersion: '9.0'

${importers((version) => version)}
packages:

  '@bin/x64@1.0.0':
    resolution: {integrity: sha512-a==}
    cpu: [x64]
    os: [linux]

  '@bin/arm64@1.0.0':
    resolution: {integrity: sha512-a==}
    cpu: [arm64]
    os: [linux]

  one@1.0.0:
    resolution: {integrity: sha512-a==}

  two@2.0.0:
    resolution: {integrity: sha512-a==}

  tool@3.0.0:
    resolution: {integrity: sha512-a==}

snapshots:

  '@bin/x64@1.0.0':
    optional: true

  '@bin/arm64@1.0.0':
    optional: true

  one@1.0.0:
    dependencies:
      two: 2.0.0
    optionalDependencies:
      '@bin/x64': 1.0.0
      '@bin/arm64': 1.0.0

  two@2.0.0: {}

  tool@3.0.0: {}
`;

const version6 = `lockfileVersion: '6.0'

${importers((version) => `${version}(two@2.0.0)`)}
packages:

  /@bin/x64@1.0.0:
    resolution: {integrity: sha512-a==}
    cpu: [x64]
    os: [linux]
    requiresBuild: true
    dev: false
    optional: true

  /@bin/arm64@1.0.0:
    resolution: {integrity: sha512-a==}
    cpu: [arm64]
    os: [linux]
    dev: false
    optional: true

  /one@1.0.0(two@2.0.0):
    resolution: {integrity: sha512-a==}
    dependencies:
      two: 2.0.0
    optionalDependencies:
      '@bin/x64': 1.0.0
      '@bin/arm64': 1.0.0
    dev: false

  /two@2.0.0:
    resolution: {integrity: sha512-a==}
    dev: false

  /tool@3.0.0:
    resolution: {integrity: sha512-a==}
    dev: true
`;

function api(root: string): string {
  return join(root, "packages/api");
}

test.each([
  ["9", version9],
  ["6", version6],
])("the virtual store of pnpm goes into the image with its links, by a lockfile of version %s", async (_, lock) => {
  await using folder = await project({ ...files, "pnpm-lock.yaml": lock });
  const { spec, context } = describeNodeProject(join(folder.path, "packages/api"), {
    asked: { platforms: ["linux/amd64"] },
  });
  expect(context).toBe(folder.path);
  expect(spec.entrypoint).toEqual(["node", "/app/packages/api/server.js"]);
  expect(spec.layers).toMatchObject([
    {
      name: "dependencies",
      add: [{ src: [store], dest: `/app/${store}`, include: ["one@1.0.0", "two@2.0.0"] }],
    },
    {
      name: "platform dependencies",
      add: [{ src: [`${store}/@bin+x64@1.0.0`], dest: `/app/${store}/@bin+x64@1.0.0`, platform: ["linux/amd64"] }],
    },
    { name: "workspace", add: [{ src: ["packages/lib"], dest: "/app/packages/lib" }] },
    {
      name: "links",
      add: [
        { src: [`${store}/node_modules`], include: ["two"] },
        { src: ["packages/api/node_modules"], include: ["@acme/lib", "one"] },
        { src: ["packages/lib/node_modules"], include: ["two"] },
      ],
    },
    { name: "app", add: [{ src: ["packages/api"], dest: "/app/packages/api" }] },
  ]);
});

test("a platform that pnpm did not install for is an error with the setting that makes it", async () => {
  await using folder = await project({ ...files, "pnpm-lock.yaml": version9 });
  expect(() =>
    describeNodeProject(join(folder.path, "packages/api"), { asked: { platforms: ["linux/amd64", "linux/arm64"] } }),
  ).toThrow(
    expect.objectContaining({
      message: "Cannot build for linux/arm64: node_modules lacks @bin/arm64 1.0.0, which one needs there",
      hint: "Write `supportedArchitectures: { os: [current, linux], cpu: [current, arm64], libc: [current, glibc] }` into pnpm-workspace.yaml, and run `pnpm install`",
    }),
  );
});

test("a lockfile of a single package has what it depends on at its top", async () => {
  await using folder = await project({
    "package.json": { main: "server.js", dependencies: { one: "^1.0.0" } },
    "server.js": "",
    "pnpm-lock.yaml": `lockfileVersion: '6.0'

dependencies:
  one:
    specifier: ^1.0.0
    version: 1.0.0

packages:

  /one@1.0.0:
    resolution: {integrity: sha512-a==}
`,
    "node_modules/one": { link: ".pnpm/one@1.0.0/node_modules/one" },
    ".npmrc": "",
    [`${store}/one@1.0.0/node_modules/one/index.js`]: "",
  });
  expect(describeNodeProject(folder.path).spec.layers?.map(({ name }) => name)).toEqual([
    "dependencies",
    "links",
    "app",
  ]);
});

test("what is not as the lockfile says is told: a version of it, a package it does not know, another package.json", async () => {
  await using old = await project({ ...files, "pnpm-lock.yaml": "lockfileVersion: 5.4\n" });
  expect(() => describeNodeProject(api(old.path))).toThrow('Cannot read pnpm-lock.yaml: its version is "5.4"');
  await using alone = await project({ ...files, "pnpm-lock.yaml": "lockfileVersion: '9.0'\nimporters:\n  .: {}\n" });
  expect(() => describeNodeProject(api(alone.path))).toThrow('Cannot find "packages/api" in pnpm-lock.yaml');
  const changed = version9.replace("specifier: ^1.0.0", "specifier: ^0.9.0");
  await using other = await project({ ...files, "pnpm-lock.yaml": changed });
  expect(() => describeNodeProject(api(other.path))).toThrow(
    "it does not match packages/api/package.json: one is ^1.0.0 in package.json and ^0.9.0 in it",
  );
  await using broken = await project({ ...files, "pnpm-lock.yaml": "<<<<<<< ours\n" });
  expect(() => describeNodeProject(api(broken.path))).toThrow("Cannot read pnpm-lock.yaml: line 1 is not understood");
});

test("what an override takes away is not missed", async () => {
  await using folder = await project({
    "package.json": { main: "server.js", dependencies: { gone: "^1.0.0" } },
    "server.js": "",
    "pnpm-lock.yaml": "lockfileVersion: '9.0'\n\noverrides:\n  gone: '-'\n\nimporters:\n\n  .: {}\n",
  });
  expect(describeNodeProject(folder.path).spec.layers?.map(({ name }) => name)).toEqual(["app"]);
});

test("pnpm's store for all projects cannot be shipped, and the setting that makes another is told", async () => {
  const global = "../../../store/links/@/one/1.0.0/abc/node_modules/one";
  await using folder = await project({
    ...files,
    "pnpm-lock.yaml": version9,
    "packages/api/node_modules/one": { link: `../../${global}` },
  });
  expect(() => describeNodeProject(api(folder.path))).toThrow(
    expect.objectContaining({ hint: expect.stringContaining("enableGlobalVirtualStore: false") }),
  );
});
