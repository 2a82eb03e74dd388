import { readdirSync, readFileSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
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
