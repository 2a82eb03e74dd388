import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, open, readdir, readFile, rename, rm, stat, truncate, watch, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { copy, LayoutStore } from "@lading/oci";
import { randomImage, startRegistry } from "@lading/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Workspace, workspace } from "../cli/workspace.ts";
import { isRoot, run } from "../interop/command.ts";
import { ladingCommand } from "../interop/lading.ts";

/* Bundles in parts: media that are lost, cut, swapped or damaged are told by name, and nothing is loaded. */

let work: Workspace;
const at = (...names: readonly string[]): string => join(work.path, ...names);

beforeAll(async () => {
  work = await workspace();
  const layout = await LayoutStore.create(at("images"));
  for (const name of ["ghcr.io/acme/app:1", "ghcr.io/acme/db:1"]) {
    const image = await randomImage({ layers: 2, size: 1_800_000 });
    await copy(image.source, layout, image.descriptor);
    await layout.tag(image.descriptor, name);
  }
  for (const [folder, name] of [
    ["site", "app"],
    ["other", "db"],
  ] as const) {
    await mkdir(at(folder));
    const place = `oci:images:ghcr.io/acme/${name}:1`;
    const created = await work.lading(["bundle", "create", place, "-q", "--split", "1MB", "-o", `${folder}/site.tar`]);
    expect(created.status, created.stderr).toBe(0);
  }
  expect(await readdir(at("site"))).toEqual([
    "site.tar.000",
    "site.tar.001",
    "site.tar.002",
    "site.tar.003",
    "site.tar.parts.json",
  ]);
});

afterAll(() => work[Symbol.asyncDispose]());

/** A copy of the medium in a folder of its own. */
async function medium(name: string): Promise<(file: string) => string> {
  await cp(at("site"), at(name), { recursive: true });
  return (file) => at(name, file);
}

async function flip(path: string, position: number): Promise<void> {
  await using file = await open(path, "r+");
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, position);
  buffer[0] = (buffer[0] ?? 0) ^ 0x10;
  await file.write(buffer, 0, 1, position);
}

async function changeList(path: string, change: (text: string) => string): Promise<void> {
  await writeFile(path, change(await readFile(path, "utf8")));
}

type Damage = (file: (name: string) => string) => Promise<void>;
const digest = "sha256:[0-9a-f]{64}";
const wrong: readonly (readonly [what: string, damage: Damage, message: string | RegExp])[] = [
  ["without one part", (file) => rm(file("site.tar.001")), "of its 4 parts, site.tar.001 is missing"],
  [
    "without two parts",
    async (file) => {
      await rm(file("site.tar.000"));
      await rm(file("site.tar.003"));
    },
    "of its 4 parts, site.tar.000, site.tar.003 are missing",
  ],
  [
    "whose part was cut off",
    (file) => truncate(file("site.tar.002"), 999_999),
    "site.tar.002 has 999999 of 1000000 bytes",
  ],
  ["whose last part is empty", (file) => truncate(file("site.tar.003"), 0), /site\.tar\.003 has 0 of \d+ bytes/],
  [
    "with a part of another bundle",
    (file) => cp(at("other", "site.tar.001"), file("site.tar.001")),
    new RegExp(`site\\.tar\\.001 was changed or damaged: it is ${digest}, and not ${digest}`),
  ],
  [
    "with the first part of another bundle",
    (file) => cp(at("other", "site.tar.000"), file("site.tar.000")),
    "site.tar.000 was changed or damaged",
  ],
  [
    "with two parts in each other's place",
    async (file) => {
      await rename(file("site.tar.001"), file("x"));
      await rename(file("site.tar.002"), file("site.tar.001"));
      await rename(file("x"), file("site.tar.002"));
    },
    "site.tar.001 holds what belongs into site.tar.002",
  ],
  ["with a bit of a header flipped", (file) => flip(file("site.tar.000"), 5), "site.tar.000 was changed or damaged"],
  [
    "with a bit of a layer flipped",
    (file) => flip(file("site.tar.002"), 500_000),
    "site.tar.002 was changed or damaged",
  ],
  [
    "with a bit of the end flipped",
    async (file) => flip(file("site.tar.003"), (await stat(file("site.tar.003"))).size - 1),
    "site.tar.003 was changed or damaged",
  ],
  ["without its list", (file) => rm(file("site.tar.parts.json")), "site.tar.parts.json is not"],
  [
    "with the list of another bundle",
    (file) => cp(at("other", "site.tar.parts.json"), file("site.tar.parts.json")),
    /site\.tar\.00\d (?:has \d+ of \d+ bytes|was changed or damaged)/,
  ],
  [
    "whose list is of another bundle",
    (file) =>
      changeList(file("site.tar.parts.json"), (text) => text.replace(/("bundle": "sha256:)[0-9a-f]{8}/, "$100000000")),
    new RegExp(`its parts are of ${digest}, not sha256:00000000`),
  ],
  [
    "whose list leads out of its folder",
    (file) => changeList(file("site.tar.parts.json"), (text) => text.replace("site.tar.001", "../site/site.tar.001")),
    "not the name of a part",
  ],
  [
    "that was not finished",
    (file) => changeList(file("site.tar.parts.json"), (text) => text.replace(/"bundle": "[^"]*",/, "")),
    "it was not written to its end",
  ],
];

describe.each(wrong)("a bundle %s", (what, damage, message) => {
  test("is neither listed, verified nor loaded", async () => {
    await using registry = await startRegistry();
    const folder = what.replaceAll(/\W+/g, "-");
    await damage(await medium(folder));
    const file = `${folder}/site.tar`;
    for (const args of [
      ["bundle", "verify", file],
      ["bundle", "verify", file, "--json"],
      ["bundle", "load", file, "--to", "oci:loaded"],
      ["bundle", "load", file, "--to", "oci-archive:loaded.tar"],
      ["bundle", "load", file, "--to", `${registry.host}/mirror`],
    ]) {
      const { status, stdout, stderr } = await work.lading(args);
      expect([status, stdout]).toEqual([1, ""]);
      expect(stderr).toMatch(message);
    }
    expect((await work.names()).filter((name) => name.startsWith("loaded") || name.startsWith("."))).toEqual([]);
    expect(registry.requests).toEqual([]);
  });
});

test("parts are named in any order, and may lie in several folders", async () => {
  const file = await medium("first");
  await mkdir(at("second"));
  const parts = ["site.tar.003", "site.tar.000", "site.tar.parts.json", "site.tar.002", "site.tar.001"];
  const inOrder = await work.lading(["bundle", "verify", "site/site.tar", "--json"]);
  const shuffled = await work.lading(["bundle", "verify", "--json", ...parts.map((name) => `first/${name}`)]);
  expect([shuffled.status, shuffled.stdout]).toEqual([0, inOrder.stdout]);

  for (const name of ["site.tar.001", "site.tar.003"]) await rename(file(name), at("second", name));
  const elsewhere = ["second/site.tar.003", "first/site.tar", "second/site.tar.001"];
  expect((await work.lading(["bundle", "load", ...elsewhere, "--to", "oci:from-two"])).status).toBe(0);
  expect((await work.lading(["bundle", "list", ...elsewhere, "-q"])).stdout).toBe("ghcr.io/acme/app:1\n");
  for (const [args, message] of [
    [["first/site.tar"], "site.tar.001, site.tar.003 are missing"],
    [["second/site.tar.001"], "Cannot read second/site.tar.001"],
    [["second/site.tar.001", "second/site.tar.003"], "no list of parts is beside any"],
    [[...elsewhere, "other/site.tar.002"], "other/site.tar.002 is no part of it"],
    [[...elsewhere, "site/site.tar.001"], "second/site.tar.001 and site/site.tar.001 are the same part"],
  ] as const) {
    const { status, stdout, stderr } = await work.lading(["bundle", "verify", ...args]);
    expect([status, stdout, stderr]).toEqual([1, "", expect.stringContaining(message)]);
  }
});

describe("writing that is interrupted", () => {
  const create = ["bundle", "create", "oci:large:ghcr.io/acme/large:1", "--split", "1MB", "-q", "-o"];

  // Of zeros, which take no room where they come from.
  beforeAll(async () => {
    await work.write({ "large/lading.yaml": "layers: [{ name: zeros, add: [{ src: zeros, dest: / }] }]\n" });
    await writeFile(at("large", "zeros"), "");
    await truncate(at("large", "zeros"), 192 * 1024 * 1024);
    const build = [
      "build",
      "large",
      "-q",
      "--compression",
      "none",
      "-t",
      "ghcr.io/acme/large:1",
      "-o",
      "oci:large-images",
    ];
    const built = await work.lading(build);
    expect(built.status, built.stderr).toBe(0);
    create[2] = "oci:large-images:ghcr.io/acme/large:1";
  });

  /** Sends `signal` when the third part appears; how it ended. */
  async function interrupted(folder: string, signal: NodeJS.Signals): Promise<readonly unknown[]> {
    await mkdir(at(folder));
    const stop = new AbortController();
    const changes = watch(at(folder), { signal: stop.signal });
    const child = spawn(ladingCommand, [...create, `${folder}/site.tar`], {
      cwd: work.path,
      env: { ...process.env, LADING_CACHE_DIR: work.cache },
      stdio: "ignore",
    });
    const exited = once(child, "exit");
    for await (const { filename } of changes) if (filename === "site.tar.002") break;
    child.kill(signal);
    stop.abort();
    return await exited;
  }

  test.each([
    ["SIGINT", [130, null]],
    ["SIGTERM", [130, null]],
    ["SIGKILL", [null, "SIGKILL"]],
  ] as const)("by %s goes on with the parts that are there", async (signal, ended) => {
    expect(await interrupted(signal, signal)).toEqual(ended);
    const first = await stat(at(signal, "site.tar.000"));
    const refused = await work.lading(["bundle", "verify", `${signal}/site.tar`]);
    expect([refused.status, refused.stdout, refused.stderr]).toEqual([
      1,
      "",
      expect.stringContaining("it was not written to its end"),
    ]);

    const finished = await work.lading([...create, `${signal}/site.tar`]);
    expect(finished.status, finished.stderr).toBe(0);
    expect((await stat(at(signal, "site.tar.000"))).ino).toBe(first.ino);
    expect((await readdir(at(signal))).filter((name) => !/^site\.tar\.(?:\d{3}|parts\.json)$/.test(name))).toEqual([]);
    expect((await work.lading(["bundle", "verify", `${signal}/site.tar`])).stdout).toBe(finished.stdout);
    await rm(at(signal), { recursive: true });
  });

  test("and another bundle of that name leaves nothing of it", async () => {
    await interrupted("instead", "SIGKILL");
    const place = "oci:images:ghcr.io/acme/app:1";
    expect((await work.lading(["bundle", "create", place, "-q", "-o", "instead/site.tar"])).status).toBe(0);
    expect(await readdir(at("instead"))).toEqual(["site.tar"]);
  });

  test.runIf(isRoot)("by a full medium goes on when there is room", async () => {
    await mkdir(at("full"));
    await run("mount", ["-t", "tmpfs", "-o", "size=2500k", "tmpfs", at("full")]);
    try {
      const place = "oci:images:ghcr.io/acme/app:1";
      const split = ["bundle", "create", place, "--split", "1MB", "-q", "-o", "full/site.tar"];
      const full = await work.lading(split);
      expect([full.status, full.stdout, full.stderr]).toEqual([1, "", expect.stringContaining("ENOSPC")]);
      const first = await stat(at("full", "site.tar.000"));
      await run("mount", ["-o", "remount,size=8m", at("full")]);
      const finished = await work.lading(split);
      expect(finished.status, finished.stderr).toBe(0);
      expect((await stat(at("full", "site.tar.000"))).ino).toBe(first.ino);
      expect((await work.lading(["bundle", "verify", "full/site.tar"])).status).toBe(0);
    } finally {
      await run("umount", [at("full")]);
    }
  });
});
