import { appendFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "@lading/testkit";
import { expect, test } from "vitest";
import { type ReadPodmanLogOptions, readPodmanLog } from "./podman-log.ts";

const at = (second: number): string => `2026-01-02T03:04:0${second}.123456789+02:00`;

async function texts(path: string, options: ReadPodmanLogOptions = {}): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const { stream, text, partial } of readPodmanLog(path, options))
    found.push(`${stream}${partial ? " part" : ""}: ${Buffer.from(text).toString()}`);
  return found;
}

test("lines have their stream, and their time in UTC with nanoseconds", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "ctr.log");
  await writeFile(path, `${at(1)} stdout F one\n${at(2)} stderr F two stdout F\n`);

  const lines = await Array.fromAsync(readPodmanLog(path));

  expect(lines.map(({ time }) => time)).toEqual(["2026-01-02T01:04:01.123456789Z", "2026-01-02T01:04:02.123456789Z"]);
  expect(await texts(path)).toEqual(["stdout: one", "stderr: two stdout F"]);
});

test("a line that conmon cut is put together again, each stream for itself", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "ctr.log");
  await writeFile(path, `${at(1)} stdout P on\n${at(1)} stderr F err\n${at(2)} stdout P e t\n${at(3)} stdout F wo\n`);
  expect(await texts(path)).toEqual(["stderr: err", "stdout: one two"]);
});

test("a last line without an end is a part, and one that is too long comes in some", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "ctr.log");
  await writeFile(path, `${at(1)} stdout P ${"x".repeat(20_000)}\n${at(2)} stdout F y\n${at(3)} stdout P z\n`);
  expect(await texts(path)).toEqual([`stdout part: ${"x".repeat(20_000)}`, "stdout: y", "stdout part: z"]);
});

test("the last lines are found from the end, whatever came in parts", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "ctr.log");
  const lines = Array.from({ length: 20_000 }, (_, line) => `${at(1)} stdout P ${line}\n${at(1)} stdout F !\n`);
  await writeFile(path, lines.join(""));

  expect(await texts(path, { tail: 2 })).toEqual(["stdout: 19998!", "stdout: 19999!"]);
  expect(await texts(path, { tail: 0 })).toEqual([]);
  expect(await texts(path, { tail: 30_000 })).toHaveLength(20_000);
});

test("without a file there are no lines", async () => {
  await using folder = await temporaryFolder();
  expect(await texts(join(folder.path, "missing"))).toEqual([]);
});

test("who follows gets each line as it is written, until it is said that there are no more", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "ctr.log");
  await writeFile(path, `${at(1)} stdout F one\n`);
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const found: string[] = [];

  for await (const { text } of readPodmanLog(path, { follow: true, ended })) {
    found.push(Buffer.from(text).toString());
    if (found.length === 1) await appendFile(path, `${at(2)} stdout P prompt\n`);
    if (found.length === 2) await appendFile(path, `${at(3)} stdout F three\n`);
    if (found.length === 3) end();
  }

  expect(found).toEqual(["one", "prompt", "three"]);
});
