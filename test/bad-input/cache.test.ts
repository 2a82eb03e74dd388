import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { attempt, expectRefusal, type Outcome, small, type Workspace } from "./attempt.ts";

const build = ["build", "--add", "src:/x", "-o", "oci-archive:out.tar", "-q"];

/** A workspace with a cache in use, and what the build of it said. */
async function built(): Promise<{ readonly place: Workspace; readonly first: Outcome }> {
  const place = await small();
  writeFileSync(join(place.path, "src/mid"), Buffer.alloc(100_000, "lading"));
  const first = await attempt(place, build);
  expect(first.status).toBe(0);
  rmSync(join(place.path, "out.tar"));
  return { place, first };
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

test("a layer in the cache that is other bytes is noticed when it is written, told, and packed anew", async () => {
  const { place, first } = await built();
  await using _ = place;
  for (const path of filesBelow(join(place.cache, "blobs"))) writeFileSync(path, Buffer.alloc(statSync(path).size));

  expectRefusal(await attempt(place, build), {
    says: [`of the cache "${place.cache}": it was damaged`, "hint: Build again"],
  });
  expect(await place.names()).toEqual(["src"]);
  expect(await attempt(place, build)).toEqual(first);
});

test.concurrent.each<readonly [string, (path: string) => void]>([
  ["cut off", (path) => truncateSync(path, Math.floor(statSync(path).size / 2))],
  ["emptied", (path) => truncateSync(path, 0)],
  ["filled with other JSON", (path) => writeFileSync(path, "{}")],
  ["filled with noise", (path) => writeFileSync(path, Buffer.from([0, 255, 1, 254]))],
])("a cache whose layers and records were %s is not believed", async (_, spoil) => {
  const { place, first } = await built();
  await using _place = place;
  for (const folder of ["blobs", "layers", "outputs"]) filesBelow(join(place.cache, folder)).forEach(spoil);
  expect(await attempt(place, build)).toEqual(first);
});

test("records that are FIFOs do not hold up a build", async () => {
  const { place, first } = await built();
  await using _ = place;
  for (const path of filesBelow(join(place.cache, "layers"))) {
    rmSync(path);
    execFileSync("mkfifo", [path]);
  }
  expect(await attempt(place, build)).toEqual(first);
});

test.concurrent.each<readonly [string, (cache: string) => void]>([
  ["is a file", (cache) => writeFileSync(cache, "")],
  ["holds somebody's files", (cache) => writeInto(cache, "thesis.txt")],
  ["has a broken index", (cache) => writeInto(cache, "index.json", "oci-layout")],
  ["has a file for a folder", (cache) => writeInto(cache, "blobs")],
  ["has a file for its temporary folder", (cache) => writeInto(cache, "tmp")],
])("a cache that %s is named, with what to do", async (_, make) => {
  await using place = await small();
  make(place.cache);
  expectRefusal(await attempt(place, build), { says: ["the cache", place.cache] });
  expect(await place.names()).toEqual(["src"]);
});

function writeInto(folder: string, ...names: readonly string[]): void {
  mkdirSync(folder);
  for (const name of names) writeFileSync(join(folder, name), "not ours");
}

test("what a dry run learns about a base or an archive does not keep the next build from making its cache", async () => {
  await using place = await small();
  expect((await attempt(place, ["build", "--add", "src:/x", "-o", "oci:base", "--cache-dir", "../other"])).status).toBe(
    0,
  );
  execFileSync("tar", ["czf", "src.tgz", "src"], { cwd: place.path });
  for (const from of [
    ["--from", "oci:base", "--add", "src:/y"],
    ["--unpack", "src.tgz:/y"],
  ]) {
    rmSync(place.cache, { recursive: true, force: true });
    expect((await attempt(place, ["build", ...from, "--dry-run"])).status).toBe(0);
    expect((await attempt(place, ["build", ...from, "-o", "oci-archive:out.tar"])).status).toBe(0);
  }
});

test("an archive that was changed after it was written is written again", async () => {
  const { place, first } = await built();
  await using _ = place;
  await attempt(place, build);
  const whole = readFileSync(join(place.path, "out.tar"));
  writeFileSync(join(place.path, "out.tar"), Buffer.alloc(whole.length));
  expect(await attempt(place, build)).toEqual(first);
  expect(readFileSync(join(place.path, "out.tar")).equals(whole)).toBe(true);
});
