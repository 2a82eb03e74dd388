import { chmod, chown, lstat, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "@lading/testkit";
import { expect, test } from "vitest";
import { testPlan } from "../spec/run-bundle.suite.ts";
import { makeVolumes, volumeFolder } from "./volumes.ts";

const isRoot = process.getuid?.() === 0;

function planWith(name: string, destination: string): ReturnType<typeof testPlan> {
  return testPlan({ command: ["true"], mounts: [{ type: "volume", name, destination }] });
}

test.runIf(isRoot)("a new volume has what the image has at its path: content, owner and mode", async () => {
  await using folder = await temporaryFolder();
  const image = join(folder.path, "image");
  await mkdir(join(image, "srv/data"), { recursive: true });
  await writeFile(join(image, "srv/data/file"), "first");
  await chown(join(image, "srv/data/file"), 1000, 1001);
  await chown(join(image, "srv/data"), 1002, 1003);
  await chmod(join(image, "srv/data"), 0o1750);

  await makeVolumes(folder.path, planWith("data", "/srv/data"), (work) => work(image));

  const volume = volumeFolder(folder.path, "data");
  expect(await readFile(join(volume, "file"), "utf8")).toBe("first");
  expect(await lstat(join(volume, "file"))).toMatchObject({ uid: 1000, gid: 1001 });
  const info = await lstat(volume);
  expect([info.uid, info.gid, info.mode & 0o7777]).toEqual([1002, 1003, 0o1750]);
  expect(await readdir(join(folder.path, "volumes"))).toEqual(["data"]);
});

test("a volume that is there is left as it is", async () => {
  await using folder = await temporaryFolder();
  const plan = planWith("data", "/data");
  await makeVolumes(folder.path, plan, (work) => work(folder.path));
  await writeFile(join(volumeFolder(folder.path, "data"), "mine"), "");

  await makeVolumes(folder.path, plan, () => Promise.reject(new Error("the image was asked for")));

  expect(await readdir(volumeFolder(folder.path, "data"))).toEqual(["mine"]);
});

test("a path of the image that leads out of it by a link does not", async () => {
  await using folder = await temporaryFolder();
  const image = join(folder.path, "image");
  await mkdir(join(folder.path, "secret"));
  await writeFile(join(folder.path, "secret/key"), "");
  await mkdir(image);
  await symlink(join(folder.path, "secret"), join(image, "data"));
  await symlink("../../../../../..", join(image, "up"));

  await makeVolumes(folder.path, planWith("one", "/data"), (work) => work(image));
  await makeVolumes(folder.path, planWith("two", `/up${folder.path}/secret`), (work) => work(image));

  expect(await readdir(volumeFolder(folder.path, "one"))).toEqual([]);
  expect(await readdir(volumeFolder(folder.path, "two"))).toEqual([]);
});

test.each(["../x", "", ".hidden", "a/b"])("%j is no name of a volume", (name) => {
  expect(() => volumeFolder("/state", name)).toThrow(expect.objectContaining({ code: "SPEC" }));
});
