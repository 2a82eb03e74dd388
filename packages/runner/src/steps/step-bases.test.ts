import { mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@lading/testkit";
import { expect, test } from "vitest";
import { stepBases, sweepUnfinished } from "./step-bases.ts";
import { abandonedFolders, holdBase, takeFolder } from "./step-owner.ts";

function makeTree(folder: string, size: number, used: number): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "tree.json"), JSON.stringify({ size, capable: [] }));
  utimesSync(folder, used, used);
}

test("bases are listed with their sizes, whoever unpacked them, and removed unless a process that lives stands on them", async () => {
  await using folder = await temporaryFolder();
  expect(stepBases(folder.path)).toEqual([]);
  const build = join(folder.path, "build");
  makeTree(join(build, "trees/aa"), 10, 1000);
  makeTree(join(build, "ids-0123/trees/bb"), 20, 2000);
  makeTree(join(build, "trees/cc"), 30, 3000);
  expect(stepBases(folder.path).map(({ bytes, usedMs }) => [bytes, usedMs])).toEqual([
    [10, 1_000_000],
    [30, 3_000_000],
    [20, 2_000_000],
  ]);

  const [own, left] = ["own", "left"].map((name) => join(build, "steps", name));
  if (own === undefined || left === undefined) throw new TypeError("two folders");
  takeFolder(own);
  takeFolder(left);
  writeFileSync(join(left, "owner"), JSON.stringify({ pid: process.pid, start: "another boot" }));
  holdBase(own, "aa");
  holdBase(left, "bb");
  expect(abandonedFolders(join(build, "steps"))).toEqual([left]);
  const removed = [];
  for (const base of stepBases(folder.path)) removed.push(await base.remove());
  expect(removed).toEqual([false, true, true]);
  expect(readdirSync(join(build, "trees"))).toEqual(["aa"]);
  expect(readdirSync(join(build, "ids-0123/trees"))).toEqual([]);
});

test("what a process that was killed had begun to unpack goes after a day", async () => {
  await using folder = await temporaryFolder();
  for (const [name, age] of [
    [".old", 25],
    [".new", 1],
  ] as const)
    makeTree(join(folder.path, "trees", name), 1, Date.now() / 1000 - age * 60 * 60);
  await sweepUnfinished(folder.path);
  expect(readdirSync(join(folder.path, "trees"))).toEqual([".new"]);
});
