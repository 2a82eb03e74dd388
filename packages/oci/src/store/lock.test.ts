import { readdir, readFile, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { temporaryFolder } from "@lading/testkit";
import { expect, test } from "vitest";
import { temporaryPathFor } from "./folder.ts";
import { withLock } from "./lock.ts";

// Larger than any process number there can be.
const nobody = 99_999_999;

test("the lock of a dead process is taken over by one of those who wait, and by one only", async () => {
  // The third of them takes what the second has just taken, when the look and the removal are apart.
  for (let round = 0; round < 30; round += 1) {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "lock");
    const owners: string[] = [];
    await withLock(path, undefined, async () => void owners.push(await readFile(path, "utf8")));
    await writeFile(path, owners.join("").replace(String(process.pid), String(nobody)));
    let inside = 0;
    let most = 0;
    const task = async (): Promise<void> => {
      most = Math.max(most, (inside += 1));
      for (let i = 0; i < 5; i += 1) await setImmediate();
      inside -= 1;
    };
    await Promise.all(Array.from({ length: 16 }, () => withLock(path, undefined, task)));
    expect(most).toBe(1);
    expect(await readdir(folder.path)).toEqual([]);
  }
});

test("the right to remove what a dead process left is lost by who dies with it", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "lock");
  const dead = async (at: string, pid: number): Promise<string> => {
    const owner = await withLock(join(folder.path, "other"), undefined, () =>
      readFile(join(folder.path, "other"), "utf8"),
    );
    const text = owner.replace(String(process.pid), String(pid));
    await writeFile(at, text);
    return text;
  };
  const right = temporaryPathFor(folder.path, await dead(path, nobody));
  await dead(right, nobody + 1);

  expect(await withLock(path, undefined, () => readdir(folder.path))).toEqual(["lock"]);
});

test("a process that another container cannot see is not dead", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "lock");
  // Containers of one pod have one host name, and each its own process numbers.
  await writeFile(path, `${nobody}@${hostname()}@pid:[1]@x`);
  const abort = new AbortController();
  const waiting = withLock(path, { signal: abort.signal }, async () => "taken");
  setTimeout(() => abort.abort(new Error("waited in vain")), 100);
  await expect(waiting).rejects.toThrow("waited in vain");
});

test("a lock that nobody renewed for a minute is taken over, whoever holds it", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "lock");
  await writeFile(path, `${process.pid}@elsewhere@pid:[1]@x`);
  await utimes(path, Date.now() / 1000 - 61, Date.now() / 1000 - 61);
  expect(await withLock(path, undefined, async () => "taken")).toBe("taken");
});

test("whoever lost the lock does not take it from the next owner", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "lock");
  await withLock(path, undefined, () => writeFile(path, "another's"));
  expect(await readFile(path, "utf8")).toBe("another's");
});
