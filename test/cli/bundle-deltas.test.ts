import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { LayoutStore } from "@lading/oci";
import { startRegistry, validateImage } from "@lading/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Workspace, workspace } from "./workspace.ts";

/* A bundle, what is new since then, and what is new since that: made by the file or by a list, loaded where the rest is. */

let work: Workspace;
const app = (version: number): string => `oci:images:ghcr.io/acme/app:${version}`;
const digests: Record<string, string> = {};

async function lading(...args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await work.lading(args);
  expect(status, stderr).toBe(0);
  return stdout;
}

async function refused(args: readonly string[], message: string | RegExp, status = 1): Promise<string> {
  const ended = await work.lading(args);
  expect([ended.status, ended.stdout]).toEqual([status, ""]);
  expect(ended.stderr).toMatch(message);
  return ended.stderr;
}

const build = async (version: number, from: string, file: string): Promise<string> =>
  await lading(
    "build",
    "--from",
    from,
    "--platform",
    "linux/amd64",
    "--add",
    `${file}:/`,
    "-t",
    `ghcr.io/acme/app:${version}`,
    "-o",
    "oci:images",
  );

beforeAll(async () => {
  work = await workspace();
  for (const name of ["base", "monday", "tuesday"]) await writeFile(join(work.path, name), randomBytes(200_000));
  await build(1, "scratch", "base");
  await build(2, app(1), "monday");
  await build(3, app(2), "tuesday");
  const create = async (name: string, version: number, ...flags: readonly string[]): Promise<void> => {
    digests[name] = (await lading("bundle", "create", app(version), "-o", name, ...flags)).trim();
  };
  await create("whole.tar", 1, "--list", "whole.json");
  await create("monday.tar", 2, "--since", "whole.tar");
  await create("tuesday.tar", 3, "--since", "monday.tar");
});

afterAll(() => work[Symbol.asyncDispose]());

test("what was new since then is known by the file, by its list, and by what `bundle list` told of it", async () => {
  await work.write({ "told.json": await lading("bundle", "list", "whole.tar", "--json") });
  for (const since of ["whole.json", "told.json"])
    expect(await lading("bundle", "create", app(2), "-o", "again.tar", "--since", since)).toBe(
      `${digests["monday.tar"]}\n`,
    );
  await work.write({ "told.json": await lading("bundle", "list", "monday.tar", "--json") });
  expect(await lading("bundle", "create", app(3), "-o", "again.tar", "--since", "told.json")).toBe(
    `${digests["tuesday.tar"]}\n`,
  );

  await work.write({ "other.json": '{"name": "a package", "version": "1.0.0"}\n', "empty.json": "" });
  for (const since of ["other.json", "empty.json"])
    await refused(["bundle", "create", app(2), "-o", "x.tar", "--since", since], `Cannot read ${since}`);
});

test("each is loaded where the others are, and each image is whole there", async () => {
  await using registry = await startRegistry();
  for (const to of ["oci:site", `${registry.host}/mirror`])
    for (const file of ["whole.tar", "monday.tar", "tuesday.tar"]) await lading("bundle", "load", file, "--to", to);
  const site = await LayoutStore.open(join(work.path, "site"));
  for (const version of [1, 2, 3]) {
    await validateImage(site, await site.resolve(`ghcr.io/acme/app:${version}`));
    await validateImage(registry.store, await registry.store.resolve(`mirror/acme/app:${version}`));
  }
});

test("one that was left out is told by its digest, and nothing is written", async () => {
  await using registry = await startRegistry();
  await lading("bundle", "load", "whole.tar", "--to", "oci:behind");
  await lading("bundle", "load", "whole.tar", "--to", `${registry.host}/behind`);
  const before = await work.names("behind/blobs/sha256");
  for (const to of ["oci:behind", `${registry.host}/behind`, "oci:nowhere", "oci-archive:nowhere.tar"]) {
    const requests = registry.requests.length;
    const told = await refused(
      ["bundle", "load", "tuesday.tar", "--to", to],
      "Cannot load tuesday.tar without what it builds on",
    );
    expect(told).toContain(`Load the bundle ${digests["monday.tar"]} there first`);
    expect(registry.requests.slice(requests).filter(({ method }) => method !== "GET" && method !== "HEAD")).toEqual([]);
  }
  expect(await work.names("behind/blobs/sha256")).toEqual(before);
  expect((await work.names()).filter((name) => name.startsWith("nowhere"))).toEqual([]);
});

test("what a delta lacks is taken from the files of all that it builds on", async () => {
  const bases = ["--base", "whole.tar", "--base", "monday.tar"];
  const verified: unknown = JSON.parse(await lading("bundle", "verify", "tuesday.tar", ...bases, "--json"));
  expect(verified).toMatchObject({ since: digests["monday.tar"], missing: [] });
  await refused(
    ["bundle", "load", "tuesday.tar", "--to", "oci:half", "--base", "monday.tar"],
    "without what it builds on",
  );
  expect(await work.names()).not.toContain("half");
  await lading("bundle", "load", "tuesday.tar", "--to", "oci-archive:three.tar", ...bases);
  expect(await lading("bundle", "list", "three.tar", "-q")).toBe("ghcr.io/acme/app:3\n");
});

test("a delta is neither served alone nor written over what it builds on", async () => {
  await refused(["serve", "oci-archive:monday.tar"], `it builds on the bundle ${digests["whole.tar"]}`, 2);
  await lading("bundle", "create", app(1), "-o", "parts.tar", "--split", "1MB");
  for (const since of ["parts.tar", "parts.tar.000", "./parts.tar.parts.json"])
    await refused(
      ["bundle", "create", app(2), "-o", "parts.tar", "--since", since, "--split", "1MB"],
      "it builds on the bundle that is there",
      2,
    );
});
