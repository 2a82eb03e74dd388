import { expect, test } from "vitest";
import { type MountSources, prepareMount } from "./prepare-mount.ts";

const sources: MountSources = {
  files: async (_, path) => ({ base: undefined, layers: [], path, key: "files" }),
  cacheDir: "/cache",
  workdir: "/",
  platform: { os: "linux", architecture: "amd64" },
  secrets: undefined,
  ssh: undefined,
};

test.each([
  ["", true],
  [",rw", false],
  [",rw=false", true],
  [",ro", true],
  [",ro=false", false],
  [",readonly=false", false],
])("a bind mount with %j is read-only: %s", async (flag, readOnly) => {
  expect(await prepareMount(`type=bind,target=/m${flag}`, sources)).toMatchObject({ mount: { readOnly } });
});

test("ro of a bind mount that is neither true nor false is refused", async () => {
  await expect(prepareMount("type=bind,target=/m,ro=maybe", sources)).rejects.toThrow("ro=maybe is neither true nor");
});
