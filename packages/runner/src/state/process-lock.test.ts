import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { temporaryFolder } from "@lading/testkit";
import { expect, onTestFinished, test } from "vitest";
import { isAlive, processId } from "./process-id.ts";
import { lockOwner, releaseLock, takeLock } from "./process-lock.ts";

const isLinux = process.platform === "linux";

test.runIf(isLinux)("a process is itself, and not a later one of the same number", async () => {
  const self = processId();
  expect(isAlive(self)).toBe(true);
  expect(isAlive({ pid: process.pid, start: `${self?.start}0` })).toBe(false);
  expect(isAlive(undefined)).toBe(false);
});

test.runIf(isLinux)("a process that has ended is not there, its remains neither", async () => {
  const child = spawn("sleep", ["60"], { stdio: "ignore" });
  const id = processId(child.pid);
  expect(isAlive(id)).toBe(true);
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(isAlive(id)).toBe(false);
});

test.runIf(isLinux)("a program's name may look like the fields that follow it", async () => {
  await using folder = await temporaryFolder();
  const name = join(folder.path, "a) Z 1");
  await symlink("/bin/sleep", name);
  const child = spawn(name, ["60"], { stdio: "ignore" });
  await once(child, "spawn");
  expect(isAlive(processId(child.pid))).toBe(true);
  child.kill("SIGKILL");
});

test.runIf(isLinux)("a lock is held by one process, until it gives it back", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "lock");
  expect(takeLock(path)).toBeUndefined();
  expect(takeLock(path)).toEqual(processId());
  expect(lockOwner(path)).toEqual(processId());
  releaseLock(path);
  expect(lockOwner(path)).toBeUndefined();
  expect(takeLock(path)).toBeUndefined();
});

test.runIf(isLinux)("the lock of a process that was killed is anybody's", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "lock");
  const child = spawn("sleep", ["60"], { stdio: "ignore" });
  const owner = processId(child.pid);
  await symlink(`${owner?.pid}:${owner?.start}`, path);
  expect(takeLock(path)).toEqual(owner);

  child.kill("SIGKILL");
  await once(child, "exit");

  expect(takeLock(path)).toBeUndefined();
  expect(await readdir(folder.path)).toEqual(["lock"]);
});

test.runIf(isLinux)("the right to remove a dead process's lock is lost by who dies with it", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "lock");
  await symlink(`${process.pid}:1`, path);
  await symlink(`${process.pid}:2`, `${path}.${process.pid}-1`);

  expect(takeLock(path)).toBeUndefined();
  expect(await readdir(folder.path)).toEqual(["lock"]);
});

test.runIf(isLinux)("a lock is taken by one of the processes that find its owner dead", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "lock");
  const lock = join(import.meta.dirname, "process-lock.ts");
  // A folder is made by one alone.
  const program = `
    import { mkdirSync, renameSync, rmdirSync, symlinkSync } from "node:fs";
    const { takeLock } = await import(${JSON.stringify(lock)});
    for (let round = 0; round < 300; round += 1) {
      while (takeLock(process.argv[1]) !== undefined);
      mkdirSync(process.argv[1] + ".held");
      rmdirSync(process.argv[1] + ".held");
      // As if it had died: the next one finds it so.
      symlinkSync(process.pid + ":" + round, process.argv[1] + process.pid);
      renameSync(process.argv[1] + process.pid, process.argv[1]);
    }`;
  const flags = ["--conditions=@lading/source", "--input-type=module", "-e", program, path];
  const children = Array.from({ length: 4 }, () =>
    spawn(process.execPath, flags, { stdio: ["ignore", "ignore", "pipe"] }),
  );
  onTestFinished(() => {
    for (const child of children) child.kill("SIGKILL");
  });
  const ends = await Promise.all(
    children.map(async (child) => {
      const said = text(child.stderr);
      const [code] = await once(child, "exit");
      return { code, said: await said };
    }),
  );

  for (const end of ends) expect(end).toEqual({ code: 0, said: "" });
});
