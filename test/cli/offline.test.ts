import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { copy, LayoutStore } from "@lading/oci";
import { randomImage, startRegistry } from "@lading/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { calledBy, commands, nameOf } from "../../packages/cli/src/program/command-table.ts";
import { attempt, installed, isRoot } from "../interop/command.ts";
import { ladingCommand } from "../interop/lading.ts";
import { type ContainerBox, containerBox } from "./container-box.ts";

/*
 * Every command there is, with --offline: in a network namespace without interfaces, where no
 * connection could be made, and under strace, which sees that none is tried.
 */

const app = "registry.invalid/acme/app:1";
const isPossible = isRoot && installed("strace", "unshare", "runc", "busybox");
let box: ContainerBox;

beforeAll(async () => {
  if (!isPossible) return;
  box = await containerBox({ LADING_ENGINE: "runc", LADING_KEY_PASSWORD: "correct horse", LADING_POLICY: undefined });
  const { work } = box;
  await work.write({
    "site/index.html": "hello\n",
    "locked/lading.yaml": `from: ${app}\n`,
    "fresh/notes.txt": "hello\n",
    "statement.json": "{}\n",
    "fetching.dockerfile": "FROM scratch\nADD http://registry.invalid/file /file\n",
  });
  const image = await randomImage({ platforms: ["linux/amd64", "linux/arm64"] });
  const layout = await LayoutStore.create(join(work.path, "images"));
  await copy(image.source, layout, image.descriptor);
  await layout.tag(image.descriptor, app);
  await box.lading(["bundle", "create", "oci:images", "-o", "site.tar"]);
  await box.lading(["keygen"]);
  for (const name of ["web", "other"]) await box.run(["-d", "--name", name], ["sleep", "1000"]);
  await box.run(["--name", "once"], ["true"]);
});

afterAll(async () => await box?.[Symbol.asyncDispose]());

// In this order: some need what others leave, or take away.
const done: readonly (readonly string[])[] = [
  ["build", "--add", "site:/srv", "-t", "acme/site:1", "-o", "oci-archive:built.tar"],
  ["init", "fresh"],
  ["inspect", "oci:images"],
  ["diff", "oci:images", "oci-archive:site.tar"],
  ["sbom", "oci-archive:image.tar"],
  ["digest", "oci:images"],
  ["referrers", "oci:images"],
  ["export", "oci:images", "files"],
  ["pull", "oci:images", "oci-archive:pulled.tar"],
  ["copy", "oci:images", "oci:copied"],
  ["keygen", "--output-key-prefix", "another"],
  ["sign", "--key", "cosign.key", "oci:copied"],
  ["attest", "--key", "cosign.key", "--predicate", "statement.json", "oci:copied"],
  ["verify", "--key", "cosign.pub", "oci:copied"],
  ["bundle", "create", "oci:images", "-o", "again.tar", "--since", "site.tar"],
  ["bundle", "list", "site.tar"],
  ["bundle", "verify", "site.tar"],
  ["bundle", "load", "site.tar", "--to", "oci:loaded"],
  ["logout", "registry.invalid"],
  ["cache"],
  ["doctor", "--engine", "runc"],
  ["run", "--rm", "--network", "none", "oci-archive:image.tar", "true"],
  ["run", "--rm", "--network", "none", "."],
  ["ps", "-a"],
  ["logs", "web"],
  ["exec", "web", "true"],
  ["port", "web"],
  ["stats", "--no-stream", "web"],
  ["cp", "web:/etc/passwd", "passwd"],
  ["start", "once"],
  ["wait", "once"],
  ["kill", "other"],
  ["stop", "--time", "0", "web"],
  ["rm", "web", "other", "once"],
  ["images"],
  ["rmi", "acme/box:1"],
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
  [["sign", "--key", "cosign.key", app], "ask registry.invalid for acme/app"],
  [
    ["sign", "--key", "cosign.key", "--rekor-url", "http://192.0.2.1", "oci:images"],
    "Cannot ask certificate authorities",
  ],
  [["verify", "--key", "cosign.pub", app], "ask registry.invalid for acme/app"],
  [["sbom", app], "ask registry.invalid for acme/app"],
  [["run", "--rm", "--network", "none", app], "ask registry.invalid for acme/app"],
  [["bundle", "create", app, "-o", "new.tar"], "ask registry.invalid for acme/app"],
  [["bundle", "load", "site.tar", "--to", "registry.invalid/mirror"], "load a bundle to registry.invalid/mirror"],
  [["build", "--file", "fetching.dockerfile", "-o", "oci:fetched"], 'file" offline: it was never fetched'],
];
const serve = ["serve", "oci:images", "--listen", "0.0.0.0:0", "--json"];

test("every command is among these", () => {
  const named = [...done, ...refused.map(([args]) => args), serve].map((args) => calledBy(args).entry);
  expect(new Set(named)).toEqual(new Set(commands));
  expect(commands.map(nameOf)).toContain("serve");
});

describe.runIf(isPossible)("with --offline, no connection is tried by", () => {
  test.each(done)("%s %s", async (...args) => {
    const { status, stderr, connections } = await traced(args);
    expect(stderr).not.toContain("offline");
    expect([status, connections], stderr).toEqual([0, []]);
  });

  test.each(refused)("%j, which says what it would need", async (args, message) => {
    const before = await box.work.names();
    const { status, stderr, connections } = await traced(args);
    expect(stderr).toContain(message);
    expect([status === 0, connections]).toEqual([false, []]);
    expect(await box.work.names()).toEqual(before);
  });

  test("serve, which only answers", async () => {
    const { command, args, options, log } = tracing(serve);
    const child = spawn(command, args, { ...options, detached: true, stdio: ["ignore", "pipe", "ignore"] });
    const exited = once(child, "exit");
    await once(createInterface(child.stdout), "line");
    // To all of its group: strace itself does not heed it.
    process.kill(-(child.pid ?? 0), "SIGINT");
    expect(await exited).toEqual([0, null]);
    expect(await connectionsIn(log)).toEqual([]);
  });

  test.each([
    ["connects", 'await fetch("http://192.0.2.1/");'],
    ["sends a datagram", 'import { createSocket } from "node:dgram";\ncreateSocket("udp4").send("x", 9, "192.0.2.1");'],
  ])("a description of one's own that %s", async (_, code) => {
    await box.work.write({ "lading.config.ts": `${code}\nexport default { from: "scratch" };\n` });
    for (const args of [
      ["build", "--file", "lading.config.ts", "-o", "oci:by-config"],
      ["run", "--rm", "--network", "none", "./configured"],
    ]) {
      await box.work.write({ "configured/lading.config.ts": `${code}\nexport default { from: "scratch" };\n` });
      const { status, stderr, connections } = await traced(args);
      expect(stderr).toContain("with --offline");
      expect([status === 0, connections]).toEqual([false, []]);
    }
  });
});

test.runIf(isPossible)("--offline asks no registry that would answer", async () => {
  await using registry = await startRegistry();
  const place = `${registry.host}/acme/app:1`;
  for (const args of [
    ["digest", place],
    ["pull", place],
    ["copy", "oci:images", place],
  ]) {
    const { status, stderr } = await box.lading([...args, "--offline"]);
    expect([status, stderr]).toEqual([2, expect.stringContaining("with --offline\nhint: ")]);
  }
  expect(registry.requests).toEqual([]);
});

/** `lading …` as it is begun without a network and under strace, and where strace writes to. */
function tracing(args: readonly string[]) {
  const { path, cache } = box.work;
  const log = join(path, "..", "strace.log");
  const strace = ["strace", "-f", "-qq", "-o", log, "-e", "trace=connect,sendto,sendmsg,sendmmsg"];
  // What follows the image of `run` is its program's.
  const [command = "", ...rest] = args;
  const [action = "", ...others] = rest;
  const named = command === "bundle" ? [command, action, "--offline", ...others] : [command, "--offline", ...rest];
  return {
    command: "unshare",
    args: ["--net", ...strace, ladingCommand, ...named],
    options: { cwd: path, env: { ...process.env, LADING_CACHE_DIR: cache, NO_COLOR: "1", ...box.env } },
    log,
  };
}

async function traced(args: readonly string[]) {
  const { command, args: all, options, log } = tracing(args);
  const { status, stderr } = await attempt(command, all, options);
  return { status, stderr, connections: await connectionsIn(log) };
}

async function connectionsIn(log: string): Promise<readonly string[]> {
  const calls = (await readFile(log, "utf8")).split("\n");
  return calls.filter((line) => /AF_INET6?\b/.test(line));
}
