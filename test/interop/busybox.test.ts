import { copyFile, mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { installed, isRoot, run } from "./command.ts";
import { layerFiles } from "./documents.ts";
import { temporaryFolder } from "@lading/testkit";
import { lading, writeFiles } from "./lading.ts";
import { startPodman } from "./podman.ts";
import { readTree } from "./tree.ts";

const description = `
name: localhost/busybox:1
from: scratch
platforms: [linux/amd64]
layers:
  - { name: busybox, add: [{ src: busybox.tar.xz, dest: /, unpack: true }] }
cmd: [sh]
`;

/** What distributions publish: one program under hundreds of names, as hardlinks. */
async function writeBusybox(folder: string): Promise<void> {
  const root = join(folder, "root");
  await mkdir(join(root, "bin"), { recursive: true });
  await mkdir(join(root, "tmp"), { mode: 0o777 });
  await run("chmod", ["1777", join(root, "tmp")]);
  const program = join(root, "bin/busybox");
  await copyFile((await run("sh", ["-c", "command -v busybox"])).trim(), program);
  await run(program, ["--install", join(root, "bin")]);
  await run("tar", ["--create", "--xz", "--file", join(folder, "busybox.tar.xz"), "--directory", root, "."]);
  await writeFiles(folder, { "lading.yaml": description });
}

const judges = installed("busybox", "tar", "xz") && isRoot;

test.runIf(judges && installed("umoci"))("busybox from an archive keeps its hardlinks", async () => {
  await using folder = await temporaryFolder();
  await writeBusybox(folder.path);

  await lading(["build", folder.path, "--output", `oci:${folder.path}/layout:1`]);
  await run("umoci", ["unpack", "--image", `${folder.path}/layout:1`, `${folder.path}/bundle`]);

  const unpacked = join(folder.path, "bundle/rootfs");
  const { nlink, size } = await stat(join(unpacked, "bin/busybox"));
  expect(nlink).toBeGreaterThan(200);
  expect(await readTree(unpacked)).toEqual(await readTree(join(folder.path, "root")));
  // One compressed copy of the program: lost hardlinks would be hundreds.
  const [layer = ""] = await layerFiles(join(folder.path, "layout"));
  expect((await stat(layer)).size).toBeLessThan(size);
});

test.runIf(judges && installed("podman", "runc", "conmon"))("podman runs busybox, FROM scratch", async () => {
  await using folder = await temporaryFolder();
  await writeBusybox(folder.path);
  await using podman = await startPodman();

  await lading(["build", folder.path, "--output", `oci-archive:${folder.path}/busybox.tar`]);
  await podman(["load", "--input", `${folder.path}/busybox.tar`]);
  const names = await podman([
    "run",
    "--rm",
    "--network",
    "none",
    "localhost/busybox:1",
    "sh",
    "-c",
    "ls /bin | wc -l",
  ]);

  expect(Number(names)).toBeGreaterThan(200);
});
