import { expect, test } from "vitest";
import { describeNodeProject } from "./node-project.ts";
import { project } from "./project-fixture.suite.ts";
import { tracedLayers } from "./traced-layers.ts";

test("of a traced program's packages there are the files that it reaches, and all of what is for one platform", async () => {
  const app = { main: "server.js", dependencies: { one: "1" } };
  await using folder = await project({
    "package.json": app,
    "server.js": "",
    "package-lock.json": {
      lockfileVersion: 3,
      packages: {
        "": app,
        "node_modules/one": { version: "1.0.0", dependencies: { two: "2" }, optionalDependencies: { native: "1" } },
        "node_modules/one/node_modules/two": { version: "2.0.0" },
        "node_modules/native": { version: "1.0.0", cpu: ["x64"] },
      },
    },
    "node_modules/one/index[1].js": "",
    "node_modules/one/node_modules/two/index.js": "",
    "node_modules/native/bin": "",
  });
  const described = describeNodeProject(folder.path, { asked: { platforms: ["linux/amd64"] } });
  const files = new Set(["server.js", "node_modules/one/index[1].js", "node_modules/one/lib/a.js"]);
  expect(tracedLayers(described, files)).toMatchObject([
    {
      name: "dependencies",
      add: [{ src: ["node_modules/one"], include: [String.raw`index\[1\].js`, "lib/a.js"], ignore: false }],
    },
    { name: "platform dependencies", add: [{ src: ["node_modules/native"] }] },
    { name: "app" },
  ]);
  expect(tracedLayers(described, new Set(["node_modules/one/node_modules/two/index.js"]))[0]?.add).toEqual([
    {
      src: ["node_modules/one/node_modules/two"],
      dest: "/app/node_modules/one/node_modules/two",
      include: ["index.js"],
      ignore: false,
    },
  ]);
  expect(tracedLayers(described, new Set()).map(({ name }) => name)).toEqual(["platform dependencies", "app"]);
});
