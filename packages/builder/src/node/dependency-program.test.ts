import { join } from "node:path";
import { temporaryFolder } from "@lading/testkit";
import { expect, test } from "vitest";
import { planBuild } from "../build.ts";
import { describeNodeProject } from "./node-project.ts";
import { project } from "./project-fixture.suite.ts";

/** A project that is started by a program of a package, as npm installs it. */
function starting(
  start: string,
  bin: unknown,
  { as = "dependencies", files = {} }: { readonly as?: string; readonly files?: Parameters<typeof project>[0] } = {},
): Parameters<typeof project>[0] {
  const manifest = { name: "app", scripts: { start }, [as]: { "@acme/web": "^1.0.0" } };
  const dev = as === "devDependencies" ? { dev: true } : {};
  return {
    "package.json": manifest,
    "package-lock.json": {
      lockfileVersion: 3,
      packages: { "": manifest, "node_modules/@acme/web": { version: "1.0.0", bin: {}, ...dev } },
    },
    "node_modules/@acme/web/package.json": { name: "@acme/web", version: "1.0.0", bin },
    "node_modules/@acme/web/bin/web": "#!/usr/bin/env node\n",
    ...files,
  };
}

/** What the image of a project would have, and what is said of it. */
async function imageOf(context: string): Promise<{
  readonly paths: readonly string[];
  readonly env: readonly string[] | undefined;
  readonly warnings: readonly string[];
}> {
  await using cache = await temporaryFolder();
  const { spec } = describeNodeProject(context);
  const { images, warnings } = await planBuild({
    spec: { ...spec, from: "scratch" },
    context,
    cacheDir: cache.path,
    locate: () => Promise.reject(new Error("nothing is below it")),
  });
  const [image] = images;
  const paths = image?.layers.flatMap(({ entries }) => entries.map(({ path }) => path)) ?? [];
  return { paths, env: image?.config.config?.Env, warnings };
}

/** What is wrong with it. */
async function failing(files: Parameters<typeof project>[0]): Promise<unknown> {
  await using folder = await project(files);
  try {
    return describeNodeProject(folder.path);
  } catch (error) {
    return error;
  }
}

test("a start script is a program of a dependency: Node runs its file, which comes with the dependency", async () => {
  const files = { ".dockerignore": "node_modules\n", "page.html": "" };
  await using folder = await project(starting("PORT=80 web start -p 80", { web: "./bin/web" }, { files }));
  const { spec, entry } = describeNodeProject(folder.path);
  expect(spec).toMatchObject({
    entrypoint: ["node", "/app/node_modules/@acme/web/bin/web", "start", "-p", "80"],
    env: { NODE_ENV: "production", PORT: "80" },
  });
  expect(entry?.file).toBe("node_modules/@acme/web/bin/web");
  const app = spec.layers?.find(({ name }) => name === "app");
  expect(JSON.stringify(app)).not.toContain("!node_modules");
});

test("a package with one bin is called by its own name, without its scope", async () => {
  await using folder = await project(starting("web", "bin/web"));
  expect(describeNodeProject(folder.path).spec.entrypoint).toEqual(["node", "/app/node_modules/@acme/web/bin/web"]);
});

test("a package of a workspace is started by what its root has", async () => {
  const manifest = { name: "root", workspaces: ["apps/*"] };
  const web = { name: "web", version: "1.0.0", scripts: { start: "tool serve" }, dependencies: { tool: "^1.0.0" } };
  await using folder = await project({
    "package.json": manifest,
    "package-lock.json": {
      lockfileVersion: 3,
      packages: {
        "": manifest,
        "apps/web": web,
        "node_modules/web": { resolved: "apps/web", link: true },
        "node_modules/tool": { version: "1.0.0" },
      },
    },
    "apps/web/package.json": web,
    "node_modules/web": { link: "../apps/web" },
    "node_modules/tool/package.json": { name: "tool", version: "1.0.0", bin: "cli.mjs" },
    "node_modules/tool/cli.mjs": "",
  });
  expect(describeNodeProject(join(folder.path, "apps/web")).spec).toMatchObject({
    entrypoint: ["node", "/app/node_modules/tool/cli.mjs", "serve"],
    workdir: "/app/apps/web",
  });
});

test("a dollar in what a start script assigns stands for itself in the image", async () => {
  const start = "A='a$PATH' B='$$' C='${HOME}' node a.js";
  await using folder = await project({ "package.json": { scripts: { start } }, "a.js": "" });
  const image = await imageOf(folder.path);
  expect(image.warnings).toEqual([]);
  expect(image.env).toEqual(expect.arrayContaining(["A=a$PATH", "B=$$", "C=${HOME}"]));
});

test.each([
  ["#!/usr/bin/env node\r", []],
  ["#! /usr/local/bin/node", []],
  ["#!/usr/bin/env -S node --no-warnings  --import=tsx", ["--no-warnings", "--import=tsx"]],
  ["#!/usr/bin/node --enable-source-maps", ["--enable-source-maps"]],
])("the flags that a dependency's program has after %j are Node's in the image, too", async (line, flags) => {
  const files = { "node_modules/@acme/web/bin/web": `${line}\n` };
  await using folder = await project(starting("web -p 80", "bin/web", { files }));
  const { entrypoint } = describeNodeProject(folder.path).spec;
  expect(entrypoint).toEqual(["node", ...flags, "/app/node_modules/@acme/web/bin/web", "-p", "80"]);
});

test("what a start script names in node_modules by its path is in the image, be it a link of .bin or a package's that is only there to develop", async () => {
  const dev = { as: "devDependencies", files: { "node_modules/.bin/web": { link: "../@acme/web/bin/web" } } };
  for (const file of ["node_modules/.bin/web", "node_modules/@acme/web/bin/web"]) {
    await using folder = await project(starting(`node ${file}`, "bin/web", dev));
    const { paths } = await imageOf(folder.path);
    expect(paths).toContain(`app/${file}`);
  }
});

test("a program that is only there to develop, is none for Node, or is nobody's is refused", async () => {
  expect(await failing(starting("web", "bin/web", { as: "devDependencies" }))).toMatchObject({
    message: expect.stringContaining('runs "web" of @acme/web, which is not in the image: it is one of the devDep'),
    hint: 'Let the start script be "node FILE" with what the build made, or move @acme/web to dependencies',
  });
  for (const line of [
    "#!/bin/sh",
    "#!/usr/bin/env ts-node",
    "#!/usr/bin/env -S node --title='a b'",
    "#!/opt/node/sh",
  ]) {
    const files = { "node_modules/@acme/web/bin/web": `${line}\n` };
    expect(await failing(starting("web", "bin/web", { files })), line).toMatchObject({
      message: expect.stringContaining('runs "web" of @acme/web, which is no program for Node'),
    });
  }
  expect(await failing(starting("gulp", "bin/web"))).toMatchObject({
    message: expect.stringContaining('runs "gulp", which is a program of none of its dependencies'),
  });
});
