import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "@lading/testkit";
import { expect, test } from "vitest";
import { Flags } from "../flags.ts";
import { UsageError } from "../usage.ts";
import { describeBuild, nothingToBuild } from "./describe-build.ts";

test("lading.yaml goes before lading.config.ts, and sources are relative to its folder", async () => {
  await using folder = await temporaryFolder();
  await writeFile(join(folder.path, "lading.config.ts"), 'export default { name: "code" };\n');
  expect(await describeBuild({ context: folder.path })).toEqual({
    spec: { name: "code" },
    context: folder.path,
    file: join(folder.path, "lading.config.ts"),
  });
  await writeFile(join(folder.path, "lading.yaml"), "name: yaml\n");
  expect((await describeBuild({ context: folder.path }))?.spec).toEqual({ name: "yaml" });
});

test("a file that is named is read whatever else is there, and one of no known kind is refused", async () => {
  await using folder = await temporaryFolder();
  await writeFile(join(folder.path, "lading.yaml"), "name: yaml\n");
  const file = join(folder.path, "other.yml");
  await writeFile(file, "name: other\n");
  expect((await describeBuild({ context: folder.path, file }))?.spec).toEqual({ name: "other" });
  const notes = join(folder.path, "notes.txt");
  await writeFile(notes, "name: notes\n");
  await expect(describeBuild({ context: folder.path, file: notes })).rejects.toThrow('known here by "notes.txt"');
});

test("a folder that nothing describes gives nothing", async () => {
  await using folder = await temporaryFolder();
  expect(await describeBuild({ context: folder.path })).toBeUndefined();
  expect(nothingToBuild("app").message).toContain('Cannot find a build description in "app": expected one of lading.');
});

test.each(["build-arg", "jvm-flags", "mode", "network", "parameter", "secret", "target", "trace"])(
  "--%s is refused where who reads the file does not know it, and where nobody does",
  async (name) => {
    await using folder = await temporaryFolder();
    const flags = new Flags({ [name]: "a=b", platform: "linux/amd64" });
    const describe = async (): Promise<unknown> => await describeBuild({ context: folder.path, flags });
    await expect(describe()).rejects.toThrow(`Cannot use --${name} with "${folder.path}": it is for a`);
    await writeFile(join(folder.path, "lading.yaml"), "name: yaml\n");
    await expect(describe()).rejects.toThrow(UsageError);
    await expect(describe()).rejects.toThrow(`Cannot use --${name} with "${folder.path}/lading.yaml": it is for a`);
  },
);
