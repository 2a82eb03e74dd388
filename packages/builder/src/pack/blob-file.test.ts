import {
  accessSync,
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { attempt, BlobFile, isAbandoned, replaceFile, writeAll } from "./blob-file.ts";
import { temporaryFolder } from "./pack.suite.ts";

test.runIf(canWrite("/dev/full"))("a full disk is told as such, with the folder and what to do", () => {
  const fd = openSync("/dev/full", "w");
  try {
    expect(() => attempt("/cache/tmp/blob", () => writeAll(fd, Buffer.from("x")))).toThrow(
      expect.objectContaining({
        code: "OUTPUT",
        message: 'Cannot write to the cache "/cache/tmp": the disk is full',
        hint: expect.stringContaining("lading cache prune"),
      }),
    );
  } finally {
    closeSync(fd);
  }
});

test("a folder that is not there is an error of the output", () => {
  expect(() => new BlobFile("/nowhere")).toThrow(expect.objectContaining({ code: "OUTPUT" }));
});

test("a file that is not committed vanishes, one that is stays", () => {
  const folder = temporaryFolder();
  const lost = new BlobFile(folder);
  lost.write(Buffer.from("lost"));
  lost.discard();
  replaceFile(join(folder, "kept"), "old", folder);
  replaceFile(join(folder, "kept"), "new", folder);

  expect(readdirSync(folder)).toEqual(["kept"]);
  expect(readFileSync(join(folder, "kept"), "utf8")).toBe("new");
});

test("when the final place is taken by a folder, nothing is left beside it", () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "taken/inside"), { recursive: true });

  expect(() => replaceFile(join(folder, "taken"), "x", folder)).toThrow(expect.objectContaining({ code: "OUTPUT" }));
  expect(readdirSync(folder)).toEqual(["taken"]);
});

test("leftovers are told by their process, those of other machines by their age", () => {
  const folder = temporaryFolder();
  // Linux never gives a process this number.
  const names = {
    ours: `${hostname()}.${process.pid}.0a`,
    gone: `${hostname()}.4194305.0a`,
    elsewhere: `another.host.4194305.0a`,
    old: `another.host.1.0b`,
  };
  for (const name of Object.values(names)) writeFileSync(join(folder, name), "");
  utimesSync(join(folder, names.old), 1, 1);

  const abandoned = Object.entries(names).filter(([, name]) => isAbandoned(join(folder, name)));

  expect(abandoned.map(([key]) => key)).toEqual(["gone", "old"]);
});

function canWrite(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
