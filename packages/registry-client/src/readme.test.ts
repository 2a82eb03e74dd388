import { execFile } from "node:child_process";
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { copy, LayoutStore } from "@lading/oci";
import { randomImage, startRegistry, temporaryFolder, validateImage } from "@lading/testkit";
import { expect, test } from "vitest";

test("the program of the README does what it says", async () => {
  await using folder = await temporaryFolder();
  await using registry = await startRegistry();
  const image = await randomImage({ platforms: ["linux/amd64", "linux/arm64"] });
  await copy(image.source, registry.store, image.descriptor);
  await registry.store.tag(image.descriptor, "docker.io/acme/app:1.2");
  const home = fileURLToPath(new URL("..", import.meta.url));
  const [, program = ""] = /```ts\n(.*?)```/s.exec(await readFile(join(home, "README.md"), "utf8")) ?? [];
  const modules = join(folder.path, "node_modules", "@lading");
  await mkdir(modules, { recursive: true });
  await symlink(home, join(modules, "registry-client"));
  await symlink(join(home, "../oci"), join(modules, "oci"));
  await writeFile(
    join(folder.path, "program.mts"),
    program.replaceAll('repository("ghcr.io/', `repository("${registry.host}/`),
  );

  const flags = ["-C", "@lading/source", "--experimental-strip-types", "--no-warnings"];
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, "program.mts"], {
    cwd: folder.path,
    env: { ...process.env, HOME: folder.path },
  });

  expect(stdout).toBe("1.2\n");
  const layout = await LayoutStore.open(join(folder.path, "images"));
  await validateImage(layout, await layout.resolve("ghcr.io/acme/app:1.2"));
  expect((await registry.store.resolve("docker.io/mirror/app:1.2")).digest).toBe(image.descriptor.digest);
});
