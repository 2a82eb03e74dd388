import { chmod } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "@lading/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { attempt, installed, isRoot, run } from "./command.ts";
import { startContainerd } from "./containerd.ts";
import { lading, ladingCommand } from "./lading.ts";
import { nodeBase, otherWorkspace, pnpmWorkspace } from "./node-projects.ts";
import { startPodman } from "./podman.ts";

const host = process.arch === "arm64" ? "linux/arm64" : "linux/amd64";
const said = "Hello, image! A day has 86400000 ms. const answer = 42;\n\n";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let base: string;
let workspace: string;

beforeAll(async () => {
  folder = await temporaryFolder();
  await chmod(folder.path, 0o755);
  base = await nodeBase(folder.path);
  workspace = join(folder.path, "workspace");
  await pnpmWorkspace(workspace);
});

afterAll(() => folder[Symbol.asyncDispose]());

/** Builds a workspace's program; the archive. */
async function buildApi(root: string, ...flags: readonly string[]): Promise<string> {
  const archive = join(folder.path, "api.tar");
  await lading(["build", join(root, "packages/api"), "--from", base, "-q", "-o", `oci-archive:${archive}`, ...flags]);
  return archive;
}

test.runIf(installed("podman"))("podman runs the program of a pnpm workspace", async () => {
  await using podman = await startPodman();
  await podman(["load", "--input", await buildApi(workspace, "--tag", "localhost/api:1")]);
  const command = ["run", "--rm", "--network=none", "--entrypoint", "node", "localhost/api:1", "server.js", "--once"];
  expect(await podman(command)).toBe(said);
  // Nobody may write into the program, and what is for development is not there.
  const look =
    "console.log(process.getuid(), process.env.NODE_ENV, require('fs').readdirSync('/app/node_modules/.pnpm').join())";
  expect(await podman(["run", "--rm", "--entrypoint", "node", "localhost/api:1", "-e", look])).toBe(
    `1000 production ${host === "linux/amd64" ? "@esbuild+linux-x64@0.28.2" : "@esbuild+linux-arm64@0.28.2"},esbuild@0.28.2,ms@2.1.3,node_modules\n`,
  );
});

test.runIf(installed("podman"))("a traced program runs with the files that it reaches", async () => {
  const archive = join(folder.path, "traced.tar");
  const program = join(workspace, "packages/api");
  const { status, stderr } = await attempt(ladingCommand, [
    "build",
    program,
    "--from",
    base,
    "--trace",
    "--tag",
    "localhost/traced:1",
    "-o",
    `oci-archive:${archive}`,
  ]);
  expect({ status, stderr }).toMatchObject({ status: 0 });
  expect(stderr).toMatch(/^traced: \d+ of \d+ files of packages are reached, [\d.]+ kB of [\d.]+ kB$/m);
  await using podman = await startPodman();
  await podman(["load", "--input", archive]);
  const run = ["run", "--rm", "--network=none", "--entrypoint", "node", "localhost/traced:1"];
  expect(await podman([...run, "server.js", "--once"])).toBe(said);
  const look = "console.log(require('fs').existsSync('/app/node_modules/.pnpm/ms@2.1.3/node_modules/ms/readme.md'))";
  expect(await podman([...run, "-e", look])).toBe("false\n");
});

test.runIf(installed("containerd") && isRoot)("containerd runs it", async () => {
  await using ctr = await startContainerd();
  await ctr(["images", "import", await buildApi(workspace, "--tag", "localhost/api:1")]);
  const program = ["node", "/app/packages/api/server.js", "--once"];
  expect(await ctr(["run", "--rm", "--snapshotter=native", "localhost/api:1", "api", ...program])).toBe(said);
});

test.runIf(installed("podman")).each(["npm", "yarn-classic", "yarn"] as const)(
  "podman runs the same program as %s installs it",
  async (manager) => {
    const root = join(folder.path, manager);
    await otherWorkspace(root, manager);
    await using podman = await startPodman();
    await podman(["load", "--input", await buildApi(root, "--tag", "localhost/api:1")]);
    const command = ["run", "--rm", "--network=none", "--entrypoint", "node", "localhost/api:1", "server.js", "--once"];
    expect(await podman(command)).toBe(said);
    const other = host === "linux/amd64" ? "linux/arm64" : "linux/amd64";
    const { status, stderr } = await attempt(ladingCommand, [
      "build",
      join(root, "packages/api"),
      "--from",
      "scratch",
      "--platform",
      other,
    ]);
    expect(status).toBe(1);
    expect(stderr).toContain(`Cannot build for ${other}: node_modules lacks @esbuild/linux-`);
  },
);

test("each platform gets its own program and no other's, and the packages of all are one layer", async () => {
  const archive = `oci-archive:${join(folder.path, "both.tar")}`;
  const program = join(workspace, "packages/api");
  const platforms = "linux/amd64,linux/arm64";
  await lading(["build", program, "--from", "scratch", "--platform", platforms, "-q", "-o", archive]);
  const layers: string[][] = [];
  for (const [platform, own, other] of [
    ["linux/amd64", "linux-x64", "linux-arm64"],
    ["linux/arm64", "linux-arm64", "linux-x64"],
  ] as const) {
    const tar = join(folder.path, "files.tar");
    await run("sh", ["-c", `'${ladingCommand}' export '${archive}' - --platform ${platform} > '${tar}'`]);
    const names = await run("tar", ["-tf", tar]);
    expect(names).toContain(`/@esbuild/${own}/bin/esbuild\n`);
    expect(names).not.toContain(`/@esbuild/${other}/bin/esbuild\n`);
    expect(names).not.toContain("is-odd");
    const shown: unknown = JSON.parse(await lading(["inspect", "--json", archive, "--platform", platform]));
    layers.push([...JSON.stringify(shown).matchAll(/"digest":"(sha256:\w+)"/g)].map(([, digest = ""]) => digest));
  }
  expect(layers[0]?.filter((digest) => layers[1]?.includes(digest)).length).toBeGreaterThanOrEqual(4);
});
