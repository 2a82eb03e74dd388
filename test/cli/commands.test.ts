import { lstat, readlink, stat } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import * as z from "zod";
import { workspace } from "./workspace.ts";

const packageSchema = z.object({ version: z.string() });

const before = `name: app:1
layers:
  - name: files
    add:
      - { src: a, dest: /srv/a }
      - { src: old, dest: /srv/old }
      - { symlink: a, dest: /srv/link }
env: { MODE: one }
`;
const after = `name: app:2
layers:
  - name: files
    add:
      - { src: a, dest: /srv/a }
      - { src: old, dest: /srv/same, mode: "0600" }
      - { symlink: b, dest: /srv/link }
  - name: more
    add: [{ content: "changed\\n", dest: /srv/a, mode: "0755" }]
env: { MODE: two }
user: "1"
`;

async function twoImages() {
  const work = await workspace({ a: "a\n", old: "old\n", "before.yaml": before, "after.yaml": after });
  for (const name of ["before", "after"]) {
    const flags = ["-q", "-f", `${name}.yaml`, "-o", `oci-archive:${name}.tar`, "--platform", "linux/amd64"];
    expect(await work.lading(["build", ...flags])).toMatchObject({ status: 0, stderr: "" });
  }
  return work;
}

test("inspect shows config, layers, files and wasted space", async () => {
  await using work = await twoImages();
  const { status, stdout } = await work.lading(["inspect", "--files", "oci-archive:after.tar"]);
  expect(status).toBe(0);
  expect(stdout).toMatch(/^docker\.io\/library\/app:2\n {2}digest +sha256:/);
  expect(stdout).toMatch(/\n {2}env +MODE=two\n/);
  expect(stdout).toMatch(/\n {2}1 +\d+ B +→ +6 B +2 files +files\n/);
  expect(stdout).toMatch(/ lrwxrwxrwx +0:0 +\/srv\/link -> b\n/);
  expect(stdout).toMatch(/ -rw------- +0:0 +4 B +\/srv\/same\n/);
  expect(stdout).toContain("wasted 2 B in 1 file that no container sees\n  2 B  /srv/a  layer 1, hidden by layer 2\n");
});

test("inspect gives documents byte for byte", async () => {
  await using work = await twoImages();
  const { digest } = z
    .object({ digest: z.string() })
    .parse(JSON.parse((await work.lading(["inspect", "--json", "oci-archive:after.tar"])).stdout));
  const raw = await work.lading(["inspect", "--raw", "oci-archive:after.tar"]);
  const { createHash } = await import("node:crypto");
  expect(`sha256:${createHash("sha256").update(raw.stdout).digest("hex")}`).toBe(digest);
  const config = await work.lading(["inspect", "--config", "oci-archive:after.tar"]);
  expect(JSON.parse(config.stdout)).toMatchObject({ config: { User: "1" } });
});

test("inspect says which places it reads, and what a path was meant to be", async () => {
  await using work = await twoImages();
  const cases = [
    ["after.tar", 2, "hint: To name the file, write oci-archive:after.tar\n"],
    ["oci-archve:after.tar", 2, "hint: Did you mean oci-archive:after.tar?\n"],
    ["podman:app", 2, "hint: Save it first: podman save --format oci-archive -o image.tar app\n"],
    ["scratch", 2, 'error: Cannot read "scratch"'],
    ["oci-archive:gone.tar", 1, "gone.tar"],
    ["oci-archive:a", 1, "error: "],
    ["docker-archive:a", 1, "error: "],
    ["oci:.", 1, "error: "],
    ["oci-archive:after.tar:9", 1, 'Cannot find "9" in after.tar: it holds docker.io/library/app:2\n'],
  ] as const;
  for (const [place, status, message] of cases) {
    const result = await work.lading(["inspect", place]);
    expect(result.stderr).toContain(message);
    expect({ place, status: result.status, stdout: result.stdout }).toEqual({ place, status, stdout: "" });
  }
});

test("diff tells added, removed and changed files and settings", async () => {
  await using work = await twoImages();
  const { status, stdout } = await work.lading(["diff", "oci-archive:before.tar", "oci-archive:after.tar"]);
  expect(status).toBe(0);
  expect(stdout).toBe(`\
~ env MODE: one → two
+ user: 1
~  /srv/a     2 B → 8 B  layer 2  content, mode
~  /srv/link             layer 1  link
-  /srv/old         4 B  layer 1
+  /srv/same        4 B  layer 1
4 paths: 1 added, 1 removed, 2 changed; +6 B; 0 of 2 layers shared
`);
});

test("diff ends with 1 when asked to and there is a difference", async () => {
  await using work = await twoImages();
  const [a, b] = ["oci-archive:before.tar", "oci-archive:after.tar"];
  expect((await work.lading(["diff", a, b, "--exit-code"])).status).toBe(1);
  const same = await work.lading(["diff", a, a, "--exit-code"]);
  expect(same).toMatchObject({ status: 0, stdout: "The images are the same, byte for byte\n" });
  const { stdout } = await work.lading(["diff", a, b, "--json"]);
  expect(JSON.parse(stdout)).toMatchObject({
    files: [
      { change: "changed", path: "srv/a", what: ["content", "mode"], before: 2, after: 8, layer: 2 },
      { change: "changed", path: "srv/link", what: ["link"] },
      { change: "removed", path: "srv/old" },
      { change: "added", path: "srv/same" },
    ],
    config: [{ key: "env MODE" }, { key: "user", after: "1" }],
  });
});

test("diff sees through another packing of the same files", async () => {
  await using work = await twoImages();
  const flags = ["-q", "-f", "before.yaml", "--compression", "zstd", "-o", "oci:zstd", "--platform", "linux/amd64"];
  await work.lading(["build", ...flags]);
  expect((await work.lading(["diff", "oci-archive:before.tar", "oci:zstd"])).stdout).toBe(
    "Containers of both see the same files and settings; the images differ in how they are packed\n",
  );
});

test("export unpacks into an empty folder only, or writes one tar", async () => {
  await using work = await twoImages();
  const exported = await work.lading(["export", "oci-archive:after.tar", "rootfs"]);
  expect(exported).toMatchObject({ status: 0, stdout: "rootfs\n" });
  expect(await work.read("rootfs/srv/a")).toBe("changed\n");
  expect(await readlink(join(work.path, "rootfs/srv/link"))).toBe("b");
  expect((await stat(join(work.path, "rootfs/srv/same"))).mode & 0o777).toBe(0o600);
  expect((await lstat(join(work.path, "rootfs/srv"))).isDirectory()).toBe(true);

  const again = await work.lading(["export", "oci-archive:after.tar", "rootfs"]);
  expect(again).toMatchObject({ status: 1, stdout: "" });
  expect(again.stderr).toContain("it is not empty");
  const tar = await work.lading(["export", "oci-archive:after.tar", "-"]);
  expect(tar.status).toBe(0);
  expect(tar.stdout).toContain("ustar");
});

test("copy keeps digests and names from place to place", async () => {
  await using work = await twoImages();
  const { stdout: digest } = await work.lading(["digest", "oci-archive:after.tar"]);
  const quiet = async (...args: string[]): Promise<string> => {
    const { status, stdout, stderr } = await work.lading([...args, "-q"]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    return stdout;
  };
  expect(await quiet("copy", "oci-archive:after.tar", "oci:layout")).toBe(digest);
  expect(await quiet("copy", "oci-archive:before.tar", "oci:layout:other:1")).not.toBe(digest);
  expect(await quiet("copy", "oci:layout:app:2", "oci-archive:again.tar")).toBe(digest);
  expect(await quiet("digest", "oci-archive:again.tar:app:2")).toBe(digest);
  expect((await work.lading(["digest", "oci:layout"])).stderr).toContain(
    "it holds docker.io/library/app:2, docker.io/library/other:1\n",
  );
});

test("init describes a folder once, and the description builds", async () => {
  await using site = await workspace({ "public/index.html": "<p>hi" });
  expect(await site.lading(["init"])).toMatchObject({ status: 0, stdout: "lading.yaml\n" });
  expect(await site.read("lading.yaml")).toContain("src: public, dest: /srv/www");
  expect(await site.lading(["build", "-q"])).toMatchObject({ status: 0 });
  expect((await site.lading(["init"])).stderr).toContain("there is a lading.yaml already");

  const manifest = { main: "./dist/server.js", dependencies: { x: "1" } };
  await using node = await workspace({
    "package.json": JSON.stringify(manifest),
    "package-lock.json": JSON.stringify({
      lockfileVersion: 3,
      packages: { "": manifest, "node_modules/x": { version: "1.0.0" } },
    }),
    "dist/server.js": "",
    "node_modules/x/index.js": "",
  });
  const place = ["-q", "--from", "scratch", "-o"];
  const { stdout: digest } = await node.lading(["build", "--tag", "ghcr.io/acme/app", ...place, "oci-archive:a.tar"]);
  await node.lading(["init", "--name", "ghcr.io/acme/app"]);
  const text = await node.read("lading.yaml");
  expect(text).toContain("name: ghcr.io/acme/app\nfrom: node:24-slim\n");
  expect(text).toContain("entrypoint: [node, /app/dist/server.js]\n");
  expect(await node.lading(["build", ...place, "oci-archive:b.tar"])).toMatchObject({
    status: 0,
    stdout: digest,
    stderr: "",
  });
});

test("cache tells what it holds, prunes by age and size, and clears", async () => {
  await using work = await twoImages();
  // Bases that were unpacked for RUN are there, and those of this machine are not for a test to remove.
  const env = { LADING_ROOT: join(work.path, "state") };
  const cache = async (...args: string[]): ReturnType<typeof work.lading> => await work.lading(["cache", ...args], env);
  expect((await cache("dir")).stdout).toBe(`${work.cache}\n`);
  const ls = z.object({ blobs: z.int(), bytes: z.int() }).parse(JSON.parse((await cache("--json")).stdout));
  expect(ls.blobs).toBeGreaterThan(0);
  expect((await cache("prune", "--older-than", "1d")).stdout).toBe("freed 0 B in 0 items\n");
  expect(await cache("prune", "--older-than", "soon")).toMatchObject({ status: 2 });
  expect((await cache("clear", "--json")).stdout).toBe(`${JSON.stringify({ removed: ls.blobs, bytes: ls.bytes })}\n`);
  expect(await cache("burn")).toMatchObject({ status: 2, stdout: "" });
  expect(await work.lading(["build", "-q", "-f", "after.yaml"])).toMatchObject({ status: 0, stderr: "" });
});

test("doctor reports this machine, and a cache that cannot be written", async () => {
  await using work = await workspace({ file: "" });
  const good = await work.lading(["doctor"]);
  expect(good).toMatchObject({ status: 0, stderr: "" });
  expect(good.stdout).toContain(`✔ cache       ${work.cache}\n`);
  const bad = await work.lading(["doctor", "--json"], { LADING_CACHE_DIR: join(work.path, "file/cache") });
  expect(bad.status).toBe(1);
  expect(JSON.parse(bad.stdout)).toMatchObject({ ok: false });
});

test("version, help and completion print and end with 0", async () => {
  await using work = await workspace();
  const manifest = new URL("../../packages/cli/package.json", import.meta.url);
  const { readFile } = await import("node:fs/promises");
  const { version } = packageSchema.parse(JSON.parse(await readFile(manifest, "utf8")));
  expect(await work.lading(["--version"])).toEqual({ status: 0, stdout: `${version}\n`, stderr: "" });
  expect((await work.lading(["--quiet", "--version"])).stdout).toBe(`${version}\n`);
  const help = await work.lading(["--help"]);
  expect(help).toMatchObject({ status: 0, stderr: "" });
  expect(help.stdout).toContain("lading inspect <place>");
  expect((await work.lading(["-h"])).stdout).toBe(help.stdout);
  expect((await work.lading(["build", "--help"])).stdout).toContain("--metadata-file");
  expect((await work.lading(["completion"])).stdout).toContain("--get-yargs-completions");
});
