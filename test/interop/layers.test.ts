import { randomBytes } from "node:crypto";
import { chmod, link, lutimes, mkdir, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { installed, isRoot, run } from "./command.ts";
import { layerFiles } from "./documents.ts";
import { temporaryFolder } from "@lading/testkit";
import { lading, writeFiles } from "./lading.ts";
import { readTree } from "./tree.ts";

const description = `
name: localhost/tree:1
platforms: [linux/amd64]
layers:
  - { name: tree, add: [{ src: tree, dest: / }], mode: source, dirMode: source, mtime: source }
`;

/** One of everything that a layer can hold and that lies in a folder. */
async function writeTree(root: string): Promise<void> {
  const at = (path: string): string => join(root, path);
  await mkdir(at("empty"), { recursive: true });
  for (const [path, mode] of [
    ["sticky", 0o1777],
    ["private", 0o711],
  ] as const) {
    await mkdir(at(path));
    await chmod(at(path), mode);
  }
  for (const [path, mode] of [
    ["bin/run", 0o755],
    ["bin/setuid", 0o4755],
    ["etc/secret", 0o600],
    ["etc/setgid", 0o2644],
    ["private/none", 0o000],
  ] as const) {
    await writeFiles(root, { [path]: `${path}\n` });
    await chmod(at(path), mode);
  }
  await writeFile(at("large"), randomBytes(3 * 1024 * 1024 + 17));
  await writeFile(at("nothing"), "");
  await link(at("bin/run"), at("bin/also-run"));
  await link(at("bin/run"), at("etc/run-too"));
  await symlink("../bin/run", at("etc/relative"));
  await symlink("/nowhere/at all", at("etc/dangling"));
  await symlink("empty", at("link-to-folder"));
  await writeFiles(root, { [`${"long-".repeat(20)}/${"name-".repeat(40)}/${"x".repeat(255)}`]: "long" });
  await symlink("y".repeat(300), at("long-target"));
  await writeFile(Buffer.from(at("caf\u00e9 in latin1"), "latin1"), "not UTF-8");
  await writeFile(at("naïve ✓ with blanks"), "UTF-8");
  await writeFile(at("back\\slash\nnewline"), "odd");
  await utimes(at("large"), 1_234_567_890, 1_234_567_890);
  await lutimes(at("etc/relative"), 987_654_321, 987_654_321);
}

test.runIf(installed("umoci") && isRoot)("umoci unpacks the tree that went in", async () => {
  await using folder = await temporaryFolder();
  await writeTree(join(folder.path, "tree"));
  await writeFiles(folder.path, { "lading.yaml": description });

  for (const compression of ["gzip", "none"]) {
    const layout = join(folder.path, compression);
    await lading(["build", folder.path, "--compression", compression, "--output", `oci:${layout}:1`]);
    await run("umoci", ["unpack", "--image", `${layout}:1`, `${layout}-bundle`]);

    expect(await readTree(`${layout}-bundle/rootfs`)).toEqual(await readTree(join(folder.path, "tree")));
  }
});

test.runIf(installed("tar", "gzip", "zstd") && isRoot)(
  "GNU tar extracts each layer, whatever its compression",
  async () => {
    await using folder = await temporaryFolder();
    await writeTree(join(folder.path, "tree"));
    await writeFiles(folder.path, { "lading.yaml": description });
    const source = await readTree(join(folder.path, "tree"));

    for (const [compression, flags] of [
      ["gzip", ["--gzip"]],
      ["zstd", ["--zstd"]],
      ["none", []],
    ] as const) {
      const layout = join(folder.path, compression);
      const target = join(folder.path, `${compression}-extracted`);
      await mkdir(target);
      await lading(["build", folder.path, "--compression", compression, "--output", `oci:${layout}:1`]);
      const [layer = ""] = await layerFiles(layout);
      await run("tar", ["--extract", "--same-permissions", ...flags, "--file", layer, "--directory", target]);

      expect(await readTree(target)).toEqual(source);
    }
  },
);
