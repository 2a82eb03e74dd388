import { execFile } from "node:child_process";
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { randomImage, temporaryFolder, validateImage } from "@lading/testkit";
import { expect, test } from "vitest";
import { OciArchive } from "./store/archive.ts";
import { copy } from "./copy.ts";
import { LayoutStore } from "./store/layout.ts";

test("the program of the README does what it says", async () => {
  await using folder = await temporaryFolder();
  const home = fileURLToPath(new URL("..", import.meta.url));
  const [, program = ""] = /```ts\n(.*?)```/s.exec(await readFile(join(home, "README.md"), "utf8")) ?? [];
  await mkdir(join(folder.path, "node_modules", "@lading"), { recursive: true });
  await symlink(home, join(folder.path, "node_modules", "@lading", "oci"));
  await writeFile(join(folder.path, "program.mts"), program);
  const image = await randomImage({ platforms: ["linux/amd64", "linux/arm64"] });
  const layout = await LayoutStore.create(join(folder.path, "images"));
  await copy(image.source, layout, image.descriptor);
  await layout.tag(image.descriptor, "1.0");

  const flags = ["-C", "@lading/source", "--experimental-strip-types", "--no-warnings"];
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, "program.mts"], { cwd: folder.path });

  expect(stdout).toBe("[ '/file-0' ] 1\n");
  const archive = await OciArchive.open(join(folder.path, "app.tar"));
  await validateImage(archive, await archive.resolve("ghcr.io/acme/app:1.0"));
});
