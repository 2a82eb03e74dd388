import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { copy, LayoutStore } from "@lading/oci";
import { randomImage, startRegistry } from "@lading/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { attempt, installed, isRoot } from "../interop/command.ts";
import { type Workspace, workspace } from "./workspace.ts";

/*
 * Every command that could talk to somebody, with --offline: in a network namespace without
 * interfaces, where no connection could be made, and under strace, which sees that none is tried.
 */

const executable = fileURLToPath(new URL("../../lading", import.meta.url));
const app = "registry.invalid/acme/app:1";
let work: Workspace;

beforeAll(async () => {
  work = await workspace({
    "site/index.html": "hello\n",
    "locked/lading.yaml": `from: ${app}\n`,
    "fetching.dockerfile": "FROM scratch\nADD http://registry.invalid/file /file\n",
  });
  const image = await randomImage({ platforms: ["linux/amd64", "linux/arm64"] });
  const layout = await LayoutStore.create(join(work.path, "images"));
  await copy(image.source, layout, image.descriptor);
  await layout.tag(image.descriptor, app);
  await work.lading(["bundle", "create", "oci:images", "-o", "site.tar"]);
});

afterAll(() => work[Symbol.asyncDispose]());

const done: readonly (readonly string[])[] = [
  ["build", "--add", "site:/srv", "-t", "acme/site:1", "-o", "oci-archive:built.tar"],
  ["inspect", "oci:images"],
  ["diff", "oci:images", "oci-archive:site.tar"],
  ["digest", "oci:images"],
  ["referrers", "oci:images"],
  ["export", "oci:images", "files"],
  ["pull", "oci:images", "oci-archive:pulled.tar"],
  ["copy", "oci:images", "oci:copied"],
  ["bundle", "create", "oci:images", "-o", "again.tar", "--since", "site.tar"],
  ["bundle", "list", "site.tar"],
  ["bundle", "verify", "site.tar"],
  ["bundle", "load", "site.tar", "--to", "oci:loaded"],
  ["logout", "registry.invalid"],
  ["cache"],
  ["doctor", "--engine", "runc"],
];
const refused: readonly (readonly [readonly string[], string])[] = [
  [["pull", app], "ask registry.invalid for acme/app"],
  [["push", "oci:images", app], "ask registry.invalid for acme/app"],
  [["copy", "oci:images", app], "ask registry.invalid for acme/app"],
  [["copy", app, "oci:other"], "ask registry.invalid for acme/app"],
  [["inspect", app], "ask registry.invalid for acme/app"],
  [["digest", "nginx"], "ask docker.io for library/nginx"],
  [["tags", "registry.invalid/acme/app"], "ask registry.invalid for acme/app"],
  [["referrers", app], "ask registry.invalid for acme/app"],
  [["delete", app], "ask registry.invalid for acme/app"],
  [["login", "registry.invalid"], "log in to registry.invalid"],
  [["lock", "locked"], "ask registry.invalid for acme/app"],
  [["bundle", "create", app, "-o", "new.tar"], "ask registry.invalid for acme/app"],
  [["bundle", "load", "site.tar", "--to", "registry.invalid/mirror"], "load a bundle to registry.invalid/mirror"],
  [["build", "--file", "fetching.dockerfile", "-o", "oci:fetched"], 'file" offline: it was never fetched'],
];

describe.runIf(isRoot && installed("strace", "unshare"))("with --offline, no connection is tried by", () => {
  test.each(done)("%s %s", async (...args) => {
    const { status, stderr, connections } = await traced(args);
    expect(stderr).not.toContain("offline");
    expect([status, connections]).toEqual([0, []]);
  });

  test.each(refused)("%j, which says what it would need", async (args, message) => {
    const before = await work.names();
    const { status, stderr, connections } = await traced(args);
    expect(stderr).toContain(message);
    expect([status === 0, connections]).toEqual([false, []]);
    expect(await work.names()).toEqual(before);
  });

  test("a description of one's own", async () => {
    await work.write({
      "lading.config.ts": 'await fetch("http://192.0.2.1/");\nexport default { from: "scratch" };\n',
    });
    const { status, connections } = await traced(["build", "--file", "lading.config.ts", "-o", "oci:by-config"]);
    expect([status, connections]).toEqual([2, []]);
  });
});

test("--offline asks no registry that would answer", async () => {
  await using registry = await startRegistry();
  const place = `${registry.host}/acme/app:1`;
  for (const args of [
    ["digest", place],
    ["pull", place],
    ["copy", "oci:images", place],
  ]) {
    const { status, stderr } = await work.lading([...args, "--offline"]);
    expect([status, stderr]).toEqual([2, expect.stringContaining("with --offline\nhint: ")]);
  }
  expect(registry.requests).toEqual([]);
});

async function traced(args: readonly string[]) {
  const log = join(work.path, "..", "strace.log");
  const { status, stderr } = await attempt(
    "unshare",
    ["--net", "strace", "-f", "-qq", "-o", log, "-e", "trace=connect,sendto,sendmsg", executable, ...args, "--offline"],
    { cwd: work.path, env: { LADING_CACHE_DIR: work.cache, NO_COLOR: "1" } },
  );
  const calls = (await readFile(log, "utf8")).split("\n");
  return { status, stderr, connections: calls.filter((line) => /AF_INET6?\b/.test(line)) };
}
