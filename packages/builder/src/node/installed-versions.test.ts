import { appendFile, readdir, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "@lading/testkit";
import { expect, test } from "vitest";
import { describeNodeProject } from "./node-project.ts";
import { project } from "./project-fixture.suite.ts";
import { StatMemory } from "./stat-memory.ts";

function isText(value: unknown): value is string {
  return typeof value === "string";
}

const manifest = { main: "server.js", dependencies: { one: "^1.0.0" } };

const files = {
  "package.json": manifest,
  "package-lock.json": {
    lockfileVersion: 3,
    packages: { "": manifest, "node_modules/one": { version: "1.1.0" } },
  },
  "server.js": "",
};

test("a version that is not the lockfile's is refused: node_modules was installed by an older one", async () => {
  await using stale = await project({ ...files, "node_modules/one/package.json": { name: "one", version: "1.0.0" } });
  expect(() => describeNodeProject(stale.path)).toThrow(
    expect.objectContaining({
      message:
        "Cannot build by package-lock.json: other is installed: one is 1.0.0 in node_modules/one and 1.1.0 in it",
      hint: "Run `npm ci`",
    }),
  );
});

test.each(["1.1.0+build.5", "v1.1.0", " =1.1.0"])("%j in a package.json is the lockfile's 1.1.0", async (version) => {
  await using folder = await project({ ...files, "node_modules/one/package.json": { name: "one", version } });
  expect(() => describeNodeProject(folder.path)).not.toThrow();
});

test.each(["1.1.0-rc.1", "1.1", "latest"])("%j in a package.json is not the lockfile's 1.1.0", async (version) => {
  await using folder = await project({ ...files, "node_modules/one/package.json": { name: "one", version } });
  expect(() => describeNodeProject(folder.path)).toThrow(`one is ${version} in node_modules/one and 1.1.0 in it`);
});

test("what a package.json says is remembered for as long as the file looks the same", async () => {
  await using cache = await temporaryFolder();
  await using folder = await project({ ...files, "node_modules/one/package.json": { name: "one", version: "1.1.0" } });
  const file = join(folder.path, "node_modules/one/package.json");
  const ask = (): string => {
    const memory = new StatMemory(cache.path, "test");
    let asked = "remembered";
    memory.of(file, isText, () => (asked = "read"));
    memory.keep();
    return asked;
  };
  expect(ask()).toBe("read");
  // Just written: its times would not tell of another write.
  expect(ask()).toBe("read");
  await new Promise((resolve) => setTimeout(resolve, 2100));
  expect(ask()).toBe("read");
  expect(ask()).toBe("remembered");
  await utimes(file, new Date(), new Date());
  expect(ask()).toBe("read");
});

test("a damaged record of what packages say is as good as none", async () => {
  await using cache = await temporaryFolder();
  await using folder = await project({ ...files, "node_modules/one/package.json": { name: "one", version: "1.0.0" } });
  await new Promise((resolve) => setTimeout(resolve, 2100));
  const describe = (): unknown => describeNodeProject(folder.path, { cacheDir: cache.path });
  expect(describe).toThrow("one is 1.0.0");
  await writeFile(join(folder.path, "node_modules/one/package.json"), JSON.stringify({ version: "1.1.0" }));
  await new Promise((resolve) => setTimeout(resolve, 2100));
  expect(describe).not.toThrow();
  const [record = ""] = await readdir(join(cache.path, "installed"));
  await appendFile(join(cache.path, "installed", record), "}");
  expect(describe).not.toThrow();
});
