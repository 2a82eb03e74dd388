import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "@lading/testkit";
import { expect, test } from "vitest";
import { Flags } from "../flags.ts";
import { UsageError } from "../usage.ts";
import { describeBuild, nothingToBuild } from "./describe-build.ts";

test("lading.yaml goes before lading.config.ts, and sources are relative to its folder", async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, "lading.config.ts");
  await writeFile(file, 'export default { name: "code" };\n');
  expect(await describeBuild({ context: folder.path })).toEqual({
    spec: { name: "code" },
    context: folder.path,
    kind: "a build description of Lading",
    files: [file],
    ownFile: file,
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

test("a Dockerfile that a description names takes its flags, and is one of the files that describe the build", async () => {
  await using folder = await temporaryFolder();
  const at = (name: string): string => join(folder.path, name);
  await writeFile(at("app.Dockerfile"), "FROM scratch AS app\n");
  await writeFile(at("app.Dockerfile.dockerignore"), "docs\n");
  await mkdir(at("assets"));
  await writeFile(
    at("lading.yaml"),
    "dockerfile: { file: app.Dockerfile, args: { A: 1, B: x }, contexts: { assets: assets, tools: 'oci:tools' } }\n",
  );
  const flags = new Flags({ "build-arg": ["B=y", "C=z"], target: "app", network: "host" });
  expect(await describeBuild({ context: folder.path, flags })).toMatchObject({
    spec: { ignoreFile: "app.Dockerfile.dockerignore" },
    dockerfile: {
      target: "app",
      buildArgs: { A: "1", B: "y", C: "z" },
      contexts: { assets: { folder: at("assets") }, tools: { place: "oci:tools" } },
      network: "host",
    },
    files: [at("lading.yaml"), at("app.Dockerfile")],
  });
  await expect(describeBuild({ context: folder.path, flags: new Flags({ trace: true }) })).rejects.toThrow(
    `Cannot use --trace with "${at("lading.yaml")}": it is for a package.json only`,
  );
});

test("a build context that is written as a folder and is none is refused", async () => {
  await using folder = await temporaryFolder();
  await writeFile(join(folder.path, "Dockerfile"), "FROM scratch\n");
  const flags = new Flags({ "build-context": [`assets=${folder.path}/gone`] });
  await expect(describeBuild({ context: folder.path, flags })).rejects.toThrow(
    `Cannot use "${folder.path}/gone" as a build context: there is no such folder`,
  );
});

test("a folder that nothing describes gives nothing, also where a folder is called as a description", async () => {
  await using folder = await temporaryFolder();
  for (const name of ["dockerfile", "index.html", "lading.yaml"]) await mkdir(join(folder.path, name));
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
