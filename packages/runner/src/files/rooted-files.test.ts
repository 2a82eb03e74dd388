import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "@lading/testkit";
import { expect, test } from "vitest";
import { RootedFiles } from "./rooted-files.ts";
import { whileSwapping } from "./swapping.suite.ts";

test("links are followed inside the root, however they say it", async () => {
  await using scene = await files();
  const { root } = scene;
  await mkdir(join(root, "usr/bin"), { recursive: true });
  await symlink("/usr/bin", join(root, "bin"));
  await symlink("../../../../../usr", join(root, "usr/bin/up"));
  await symlink("/bin/up", join(root, "twice"));
  await using rooted = await RootedFiles.open(root);
  expect(await pathOf(rooted, "bin/tool")).toBe("/usr/bin/tool");
  expect(await pathOf(rooted, "/twice/bin/.")).toBe("/usr/bin");
  expect(await pathOf(rooted, "../../bin/../..")).toBe("");
  expect(await pathOf(rooted, "twice")).toBe("/twice");
  expect(await pathOf(rooted, "twice", { follow: true })).toBe("/usr");
  expect(await pathOf(rooted, "twice/")).toBe("/usr");
});

test.each([
  ["round", "ELOOP"],
  ["round/x", "ELOOP"],
  ["file/x", "ENOTDIR"],
  ["nothing/x", "ENOENT"],
  ["dangling/x", "ENOENT"],
  ["x/".repeat(3000), "ENAMETOOLONG"],
])("%.20s fails as it does in the kernel: %s", async (path, code) => {
  await using scene = await files();
  const { root } = scene;
  await symlink("round", join(root, "round"));
  await symlink("/gone", join(root, "dangling"));
  await writeFile(join(root, "file"), "");
  await using rooted = await RootedFiles.open(root);
  await expect(pathOf(rooted, path, { follow: true })).rejects.toMatchObject({ code });
});

test("what a link leads to that the kernel makes up is a path as any other", async () => {
  await using scene = await files();
  const { root, outside } = scene;
  await writeFile(join(outside, "secret"), "host");
  // As /proc/PID/root and /proc/PID/cwd in a container: to the kernel they lead to what they name, by no path.
  await symlink("/proc/self/cwd", join(root, "magic"));
  await symlink(`/proc/self/fd/0/../../${outside}`, join(root, "deep"));
  await using rooted = await RootedFiles.open(root);
  await expect(pathOf(rooted, "magic/x")).rejects.toMatchObject({ code: "ENOENT" });
  await expect(pathOf(rooted, "deep/secret")).rejects.toMatchObject({ code: "ENOENT" });
});

test("names that are no names are refused", async () => {
  await using scene = await files();
  await using rooted = await RootedFiles.open(scene.root);
  await using here = await rooted.locate("/");
  for (const name of ["", ".", "..", "a/b", "a\0b"])
    await expect(here.folder.status(name)).rejects.toThrow("as the name of a file");
});

test("CVE-2018-15664: a folder that becomes a link while it is walked leads nowhere", async () => {
  await using scene = await files();
  const { root, outside } = scene;
  await mkdir(join(outside, "b"));
  await writeFile(join(outside, "b/flag"), "host");
  await mkdir(join(root, "a/b"), { recursive: true });
  await writeFile(join(root, "a/b/flag"), "container");
  await symlink(outside, join(root, "link"));
  const seen = new Set<string>();
  const naive = new Set<string>();
  await using rooted = await RootedFiles.open(root);
  await whileSwapping(join(root, "a"), join(root, "link"), async () => {
    for (let round = 0; round < 1000; round++) {
      seen.add(await textOf(rooted, "a/b/flag"));
      naive.add(await readFile(join(root, "a/b/flag"), "utf8").catch(() => ""));
    }
  });
  expect([...naive]).toContain("host");
  expect([...seen]).toContain("container");
  expect([...seen]).not.toContain("host");
});

async function textOf(rooted: RootedFiles, path: string): Promise<string> {
  try {
    await using found = await rooted.locate(path);
    const file = await found.folder.read(found.name ?? "");
    if (file === undefined) return "no file";
    await using handle = file.handle;
    return await handle.readFile("utf8");
  } catch (error) {
    return error instanceof Error && "code" in error ? String(error.code) : String(error);
  }
}

async function pathOf(
  rooted: RootedFiles,
  path: string,
  options?: Parameters<RootedFiles["locate"]>[1],
): Promise<string> {
  await using found = await rooted.locate(path, options);
  return found.path;
}

/** A root, and a folder beside it that nothing in the root may lead to. */
async function files(): Promise<AsyncDisposable & { readonly root: string; readonly outside: string }> {
  const folder = await temporaryFolder();
  const root = join(folder.path, "root");
  const outside = join(folder.path, "outside");
  await mkdir(root);
  await mkdir(outside);
  return { root, outside, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}
