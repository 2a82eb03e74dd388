import { execFile } from "node:child_process";
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { copy, LayoutStore } from "@lading/oci";
import { randomImage, temporaryFolder } from "@lading/testkit";
import { expect, test } from "vitest";

test("the program of the README signs and verifies", async () => {
  await using folder = await temporaryFolder();
  const image = await randomImage();
  const layout = await LayoutStore.create(join(folder.path, "images"));
  await copy(image.source, layout, image.descriptor);
  await layout.tag(image.descriptor, "ghcr.io/acme/app:1");
  const home = fileURLToPath(new URL("..", import.meta.url));
  const [, program = ""] = /```ts\n(.*?)```/s.exec(await readFile(join(home, "README.md"), "utf8")) ?? [];
  const modules = join(folder.path, "node_modules", "@lading");
  await mkdir(modules, { recursive: true });
  await symlink(home, join(modules, "trust"));
  await symlink(join(home, "../oci"), join(modules, "oci"));
  await writeFile(join(folder.path, "program.mts"), program);

  const flags = ["-C", "@lading/source", "--experimental-strip-types", "--no-warnings"];
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, "program.mts"], { cwd: folder.path });

  expect(stdout).toBe(`${image.descriptor.digest} is signed, as bundle and tag\n`);
}, 60_000);
