import { readdirSync, readFileSync } from "node:fs";
import { chmod, mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "@lading/testkit";
import { expect, test } from "vitest";
import { TreeWatcher } from "./tree-watcher.ts";

const patience = { timeout: 10_000, interval: 10 };

/** A watched folder with these files, and what was told of it. */
async function watched(files: readonly string[]) {
  const folder = await temporaryFolder();
  const root = join(folder.path, "root");
  const write = async (path: string, text = ""): Promise<void> => {
    await mkdir(join(root, path, ".."), { recursive: true });
    await writeFile(join(root, path), text);
  };
  for (const file of files) await write(file);
  const told = new Set<string>();
  const errors: unknown[] = [];
  const watcher = new TreeWatcher(
    root,
    (path) => told.add(path),
    (error) => errors.push(error),
  );
  return {
    root,
    told,
    errors,
    write,
    /** Resolves when a path was told, and forgets what was told so far. */
    async tells(path: string): Promise<void> {
      await expect.poll(() => told.has(path), patience).toBe(true);
      told.clear();
    },
    async [Symbol.asyncDispose](): Promise<void> {
      watcher[Symbol.dispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

test("a file that an editor replaces by rename is seen every time", async () => {
  await using tree = await watched(["src/deep/app.js"]);
  for (const text of ["1", "2", "3"]) {
    await tree.write("src/deep/.app.js.swp", text);
    await rename(join(tree.root, "src/deep/.app.js.swp"), join(tree.root, "src/deep/app.js"));
    await tree.tells("src/deep/app.js");
  }
});

test("what is in a folder that comes later, or comes back, is seen", async () => {
  await using tree = await watched(["src/app.js"]);
  await tree.write("src/new/deep/a.js");
  await tree.tells("src/new/deep/a.js");
  await tree.write("src/new/deep/a.js", "edited");
  await tree.tells("src/new/deep/a.js");

  await rm(join(tree.root, "src"), { recursive: true });
  await tree.tells("src");
  await tree.write("src/app.js");
  await tree.tells("src/app.js");
  await tree.write("src/app.js", "edited");
  await tree.tells("src/app.js");

  await rename(join(tree.root, "src"), join(tree.root, "lib"));
  await tree.tells("lib/app.js");
  await tree.write("lib/app.js", "edited again");
  await tree.tells("lib/app.js");
  expect(tree.errors).toEqual([]);
});

test("the folder itself may be deleted and made again", async () => {
  await using tree = await watched(["app.js"]);
  await rm(tree.root, { recursive: true });
  await tree.tells("");
  await tree.write("src/app.js");
  await tree.tells("src/app.js");
  await tree.write("src/app.js", "edited");
  await tree.tells("src/app.js");
  expect(tree.errors).toEqual([]);
});

test("a symlink to the folder that is replaced is followed to where it leads then", async () => {
  await using folder = await temporaryFolder();
  const path = (name: string): string => join(folder.path, name);
  for (const name of ["one", "two"]) await mkdir(path(name));
  await symlink("one", path("current"));
  const told = new Set<string>();
  const fail = (error: unknown): void => void told.add(String(error));
  using _ = new TreeWatcher(path("current"), (each) => told.add(each), fail);
  await writeFile(path("one/a.js"), "");
  await expect.poll(() => [...told], patience).toContain("a.js");

  // As ln -sfn does.
  await symlink("two", path("next"));
  await rename(path("next"), path("current"));
  await expect.poll(() => [...told], patience).toContain("");
  await writeFile(path("two/b.js"), "");
  await expect.poll(() => [...told], patience).toContain("b.js");
});

test("attributes of the folder that change are no change of all that is in it", async () => {
  await using tree = await watched(["src/app.js"]);
  await chmod(tree.root, 0o700);
  await tree.write("src/later.js");
  await expect.poll(() => [...tree.told], patience).toContain("src/later.js");
  expect([...tree.told]).not.toContain("src/app.js");
});

test("a folder in one that nobody may look into is watched", async () => {
  await using folder = await temporaryFolder();
  const root = join(folder.path, "root");
  await mkdir(root);
  await chmod(root, 0o755);
  await chmod(folder.path, 0o311);
  const told = new Set<string>();
  const fail = (error: unknown): void => void told.add(String(error));
  const isRoot = process.geteuid?.() === 0;
  // Root may look into everything.
  if (isRoot) process.seteuid?.(65534);
  let watcher: TreeWatcher;
  try {
    expect(() => readdirSync(folder.path)).toThrow("EACCES");
    watcher = new TreeWatcher(root, (each) => told.add(each), fail);
  } finally {
    if (isRoot) process.seteuid?.(0);
    await chmod(folder.path, 0o700);
  }
  using _ = watcher;
  await writeFile(join(root, "a.js"), "");
  await expect.poll(() => [...told], patience).toContain("a.js");
});

test.runIf(process.platform === "linux")("a watch is for a folder, and none for each of its files", async () => {
  const before = watches();
  await using tree = await watched(Array.from({ length: 300 }, (_, index) => `src/${index % 3}/${index}.js`));
  // src, three below it, the root and what that lies in.
  expect(watches() - before).toBe(6);
  await rm(join(tree.root, "src"), { recursive: true });
  await expect.poll(() => watches() - before, patience).toBe(2);
});

/** Those that the kernel keeps for this process. */
function watches(): number {
  const infos = readdirSync("/proc/self/fdinfo").map((fd) => {
    try {
      return readFileSync(`/proc/self/fdinfo/${fd}`, "utf8");
    } catch {
      return "";
    }
  });
  return infos.join("\n").match(/^inotify wd:/gm)?.length ?? 0;
}
