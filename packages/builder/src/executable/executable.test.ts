import { mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { temporaryFolder } from "@lading/testkit";
import { expect, test } from "vitest";
import { elfFile } from "./elf-fixture.suite.ts";
import { describeExecutable, isExecutable } from "./executable.ts";

const amd64 = elfFile({ machine: 62 });
const arm64 = elfFile({ machine: 183 });

async function folderWith(files: Readonly<Record<string, Uint8Array | string>>) {
  const folder = await temporaryFolder();
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder.path, path)), { recursive: true });
    await writeFile(join(folder.path, path), content);
  }
  return folder;
}

test("a static program stands alone on scratch, is nobody's, and its headers say the platform", async () => {
  await using folder = await folderWith({ "My Server": arm64 });
  expect(await describeExecutable(join(folder.path, "My Server"))).toEqual({
    spec: {
      name: "my-server",
      from: "scratch",
      platforms: ["linux/arm64"],
      layers: [{ name: "program", add: [{ src: ["My Server"], dest: "/My Server", mode: "0755", ignore: false }] }],
      entrypoint: ["/My Server"],
      user: "65532:65532",
    },
    context: folder.path,
  });
});

test.each([
  ["dist/app-linux-amd64", "dist/app-linux-arm64", "/app"],
  ["dist/linux_amd64_v1/app", "dist/linux_arm64_v1/app", "/app"],
  ["x86_64-unknown-linux-musl/release/app", "aarch64-unknown-linux-musl/release/app", "/app"],
  ["app_x64", "app_arm64", "/app"],
])("for two platforms %s has %s beside it, and both are called %s", async (first, second, dest) => {
  await using folder = await folderWith({ [first]: amd64, [second]: arm64 });
  const asked = { platforms: ["linux/amd64", "linux/arm64"] };
  const { spec, context } = await describeExecutable(join(folder.path, first), { asked, context: folder.path });
  expect(context).toBe(folder.path);
  expect(spec).toMatchObject({
    platforms: ["linux/amd64", "linux/arm64"],
    layers: [
      {
        add: [
          { src: [first], dest, platform: ["linux/amd64"] },
          { src: [second], dest, platform: ["linux/arm64"] },
        ],
      },
    ],
    entrypoint: [dest],
  });
  // From the other one it is the same image.
  const other = await describeExecutable(join(folder.path, second), { asked, context: folder.path });
  expect(other.spec.layers).toEqual(spec.layers);
});

test("sources are relative to the folder that has the programs of all platforms", async () => {
  await using folder = await folderWith({ "out/amd64/app": amd64, "out/arm64/app": arm64 });
  const asked = { platforms: ["linux/arm64"] };
  const { spec, context } = await describeExecutable(join(folder.path, "out/amd64/app"), { asked });
  expect(context).toBe(join(folder.path, "out"));
  expect(spec.layers).toMatchObject([{ add: [{ src: ["arm64/app"] }] }]);
});

test("a program behind a link goes by the link's name", async () => {
  await using folder = await folderWith({ "target/release/server-9": amd64, "bin/x": "" });
  await symlink("../target/release/server-9", join(folder.path, "bin/server"));
  const { spec, context } = await describeExecutable(join(folder.path, "bin/server"));
  expect(context).toBe(folder.path);
  expect(spec.layers).toMatchObject([{ add: [{ src: ["target/release/server-9"], dest: "/server" }] }]);
});

test("a platform that the program is not for is refused, and so is a file that is not what its name says", async () => {
  await using folder = await folderWith({ app: amd64, "app-amd64": amd64, "app-arm64": amd64, "b-amd64": amd64 });
  const build = async (name: string, platform: string): Promise<unknown> =>
    await describeExecutable(join(folder.path, name), { shown: name, asked: { platforms: [platform] } });
  await expect(build("app", "linux/arm64")).rejects.toThrow(
    'Cannot build "app" for linux/arm64: it is a program for linux/amd64',
  );
  await expect(build("b-amd64", "linux/arm64")).rejects.toMatchObject({ hint: expect.stringContaining("b-arm64") });
  await expect(build("app-amd64", "linux/arm64")).rejects.toThrow(
    "it is a program for linux/amd64, whatever its name says",
  );
  await expect(build("app", "windows/amd64")).rejects.toThrow("it is a program for Linux");
});

test("a program that is linked dynamically needs a base, and is put on any", async () => {
  const interpreter = "/lib/ld-musl-x86_64.so.1";
  await using folder = await folderWith({ app: elfFile({ machine: 62, interpreter }) });
  const path = join(folder.path, "app");
  await expect(describeExecutable(path)).rejects.toMatchObject({
    message: expect.stringContaining(interpreter),
    hint: expect.stringContaining("alpine"),
  });
  expect((await describeExecutable(path, { asked: { from: "alpine" } })).spec.from).toBe("alpine");
});

test.each([
  ["macOS", Buffer.from("cffaedfe0c000001", "hex")],
  ["macOS", Buffer.from("cafebabe00000002", "hex")],
  ["Windows", Buffer.concat([Buffer.from("MZ"), Buffer.alloc(58), Buffer.from([64, 0, 0, 0]), Buffer.from("PE\0\0")])],
  ["a script, which /usr/bin/env python3 runs", Buffer.from("#! /usr/bin/env python3\nprint()\n")],
])("a program of %s is recognised, and refused by name", async (what, content) => {
  await using folder = await folderWith({ app: content });
  const path = join(folder.path, "app");
  expect(await isExecutable(path)).toBe(true);
  await expect(describeExecutable(path)).rejects.toThrow(what);
});

test.each([
  ["a Java class", Buffer.from("cafebabe00000041", "hex")],
  ["text that begins with MZ", Buffer.from("MZ".repeat(100))],
  ["an empty file", Buffer.alloc(0)],
])("%s is no program", async (_, content) => {
  await using folder = await folderWith({ app: content });
  expect(await isExecutable(join(folder.path, "app"))).toBe(false);
});
