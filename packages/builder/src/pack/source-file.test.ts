import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { CHUNK_SIZE } from "./chunk-codec.ts";
import { packLayer } from "./pack.ts";
import { diskEntry, literal, mixedBytes, packOptions, temporaryFolder } from "./pack.suite.ts";

const changes: readonly (readonly [string, (file: string) => void, string])[] = [
  ["grew", (file) => appendFileSync(file, "more"), "grew from 10 to 14 bytes"],
  ["shrank", (file) => truncateSync(file, 3), "shrank from 10 to 3 bytes"],
  ["was written to", (file) => writeFileSync(file, "0987654321"), "written to"],
  ["was touched", (file) => restamp(file), "it was touched"],
  ["has another mode", (file) => chmodSync(file, 0o600), "its mode went from 644 to 600"],
  ["was replaced", (file) => replace(file), "another file has taken its place"],
  ["vanished", (file) => rmSync(file), "it has vanished"],
  ["became a symlink", (file) => symlinkSync("elsewhere", cleared(file)), "a symlink has taken its place"],
  ["became a folder", (file) => mkdirSync(cleared(file)), "it is no longer a regular file"],
  ["became a FIFO", (file) => execFileSync("mkfifo", [cleared(file)]), "it is no longer a regular file"],
];

test.each(changes)("a file that %s since it was listed stops the build, by name", async (_, change, message) => {
  const folder = temporaryFolder();
  const file = join(folder, "file");
  writeFileSync(file, "1234567890", { mode: 0o644 });
  const entries = [diskEntry(file, "file")];
  change(file);

  await expect(packLayer({ name: "x", entries }, await packOptions())).rejects.toMatchObject({
    code: "SOURCE_CHANGED",
    message: expect.stringMatching(new RegExp(`${JSON.stringify(file)}.*${message}`)),
  });
});

test.each([
  ["grows", (file: string) => appendFileSync(file, "more")],
  ["shrinks", (file: string) => truncateSync(file, 2 * CHUNK_SIZE)],
  ["is written to", (file: string) => writeFileSync(file, "x", { flag: "r+" })],
])("a file that %s while it is read stops the build", async (_, change) => {
  const file = join(temporaryFolder(), "file");
  writeFileSync(file, mixedBytes(4 * CHUNK_SIZE));
  const entries = [diskEntry(file, "file")];
  let changed = false;
  const options = await packOptions({
    onProgress: (done) => {
      if (!changed && done > CHUNK_SIZE) change(file);
      changed ||= done > CHUNK_SIZE;
    },
  });

  await expect(packLayer({ name: "x", entries }, options)).rejects.toMatchObject({ code: "SOURCE_CHANGED" });
});

test("a change to a file that has been read already does not harm the layer", async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "first"), "first");
  const options = await packOptions({ onProgress: () => writeFileSync(join(folder, "first"), "other") });
  const entries = [diskEntry(join(folder, "first"), "first"), literal("last", mixedBytes(2 * CHUNK_SIZE))];

  const { diffId } = await packLayer({ name: "x", entries }, options);

  const expected = [literal("first", "first"), literal("last", mixedBytes(2 * CHUNK_SIZE))];
  expect(diffId).toBe((await packLayer({ name: "x", entries: expected }, await packOptions())).diffId);
});

/** Other ctime, same mtime. */
function restamp(file: string): void {
  chmodSync(file, 0o600);
  chmodSync(file, 0o644);
}

function replace(file: string): void {
  copyFileSync(file, `${file}.new`);
  renameSync(`${file}.new`, file);
}

function cleared(file: string): string {
  rmSync(file);
  return file;
}
