import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import * as z from "zod";
import { installed, run } from "../interop/command.ts";
import { ladingCommand } from "../interop/lading.ts";
import { workspace } from "./workspace.ts";

const digest = /^sha256:[0-9a-f]{64}\n$/;
const yaml = `name: ghcr.io/acme/app:1
platforms: [linux/amd64, linux/arm64]
layers:
  - name: app
    add: [{ src: dist, dest: /app }]
entrypoint: [/app/main]
env: { A: "1" }
`;
const project = { "lading.yaml": yaml, "dist/main": "#!/bin/sh\n" };

const metadataSchema = z.strictObject({
  image: z.string(),
  imageId: z.string(),
  imageDigest: z.string(),
  tags: z.array(z.string()),
  names: z.array(z.string()),
  images: z.array(
    z.strictObject({
      platform: z.string(),
      digest: z.string(),
      imageId: z.string(),
      layers: z.array(
        z.strictObject({
          name: z.string(),
          digest: z.string(),
          diffId: z.string(),
          mediaType: z.string(),
          size: z.int(),
          unpackedSize: z.int(),
          entries: z.int(),
          reuse: z.enum(["stat", "content", "none", "base"]),
          ms: z.int(),
        }),
      ),
    }),
  ),
  outputs: z.array(z.strictObject({ place: z.string(), size: z.int(), unchanged: z.boolean(), ms: z.int() })),
  warnings: z.array(z.string()),
  timings: z.strictObject({ base: z.int(), list: z.int(), pack: z.int(), write: z.int(), total: z.int() }),
});

test("build writes oci-archive:<name>.tar here, its digest on stdout and the rest on stderr", async () => {
  await using work = await workspace(project);
  const { status, stdout, stderr } = await work.lading(["build"]);
  expect({ status, stderr }).toMatchObject({ status: 0 });
  expect(stdout).toMatch(digest);
  expect(await work.names()).toEqual(["app.tar", "dist", "lading.yaml"]);
  expect(stderr).toContain("layer app: 2 entries, 10 B -> ");
  expect(stderr).toMatch(/^built ghcr\.io\/acme\/app:1 for linux\/amd64, linux\/arm64 in /m);
  expect((await work.lading(["digest", "oci-archive:app.tar"])).stdout).toBe(stdout);
});

test("--quiet prints the digest alone, --json one document, and the reports say the same", async () => {
  await using work = await workspace(project);
  const quiet = await work.lading(["build", "-q"]);
  expect(quiet).toMatchObject({ status: 0, stderr: "" });
  const reports = ["--metadata-file", "out/meta.json", "--iidfile", "iid", "--digest-file", "digest"];
  const { stdout } = await work.lading(["build", "--json", "--quiet", ...reports]);
  const metadata = metadataSchema.parse(JSON.parse(stdout));
  expect(metadata).toMatchObject({ image: "ghcr.io/acme/app:1", tags: ["1"], imageDigest: quiet.stdout.trim() });
  expect(metadata.images.map(({ platform }) => platform)).toEqual(["linux/amd64", "linux/arm64"]);
  expect(metadata.images[0]?.layers[0]).toMatchObject({ name: "app", reuse: "stat" });
  expect(metadataSchema.parse(JSON.parse(await work.read("out/meta.json")))).toEqual(metadata);
  expect([await work.read("iid"), await work.read("digest")]).toEqual([metadata.imageDigest, metadata.imageDigest]);

  await work.lading(["build", "--platform", "linux/amd64", "--iidfile", "iid", "-q"]);
  expect(await work.read("iid")).toBe(metadata.images[0]?.imageId);
});

test("flags alone describe an image", async () => {
  await using work = await workspace({ "dist/x": "x", "one.conf": "1" });
  const flags = [
    "--add",
    "dist:/app",
    "--add",
    "one.conf:/etc/",
    "--entrypoint",
    "/app/x --fast",
    "-e",
    "A=b",
    "-u",
    "7",
  ];
  const built = await work.lading(["build", ...flags, "-t", "app:2", "--platform", "linux/arm64", "-o", "oci:layout"]);
  expect(built).toMatchObject({ status: 0 });
  const { stdout } = await work.lading(["inspect", "--json", "--files", "oci:layout:app:2"]);
  expect(JSON.parse(stdout)).toMatchObject({
    names: ["docker.io/library/app:2"],
    image: {
      platform: "linux/arm64",
      config: { config: { Entrypoint: ["/app/x", "--fast"], Env: ["A=b"], User: "7" } },
      layers: [
        {
          contents: [
            { kind: "directory", path: "app" },
            { kind: "file", path: "app/x" },
            { kind: "directory", path: "etc" },
            { kind: "file", path: "etc/one.conf" },
          ],
        },
      ],
    },
  });
});

test("flags override the file and add to it", async () => {
  await using work = await workspace({ ...project, extra: "x" });
  await work.lading(["build", "--env", "B=2", "--add", "extra:/etc/", "-t", "2", "--platform", "linux/arm64", "-q"]);
  const { stdout } = await work.lading(["inspect", "--json", "oci-archive:app.tar"]);
  expect(JSON.parse(stdout)).toMatchObject({
    names: ["ghcr.io/acme/app:2"],
    platforms: [{ platform: "linux/arm64" }],
    image: { config: { config: { Env: ["A=1", "B=2"] } }, layers: [{ files: 1 }, { files: 1 }] },
  });
});

test("lading.config.ts with defineConfig builds as the YAML does", async () => {
  await using work = await workspace(project);
  const { stdout } = await work.lading(["build", "-q"]);
  await work.write({
    "lading.config.ts": `const name: string = "ghcr.io/acme/app:1";
export default () => ({
  name,
  platforms: ["linux/amd64", "linux/arm64"],
  layers: [{ name: "app", add: [{ src: "dist", dest: "/app" }] }],
  entrypoint: ["/app/main"],
  env: { A: 1 },
});
`,
  });
  const fromModule = await work.lading(["build", "-q", "-f", "lading.config.ts"]);
  expect(fromModule).toEqual({ status: 0, stdout, stderr: "" });
});

test("an output that is up to date is not touched, and one that was tampered with is written again", async () => {
  await using work = await workspace(project);
  const { stdout } = await work.lading(["build", "-q"]);
  const before = await stat(join(work.path, "app.tar"));
  const again = await work.lading(["build"]);
  expect(again).toMatchObject({ status: 0, stdout });
  expect(again.stderr).toContain("oci-archive:app.tar is up to date\n");
  expect((await stat(join(work.path, "app.tar"))).ino).toBe(before.ino);

  await work.write({ "app.tar": "no tar" });
  expect((await work.lading(["build"])).stderr).toContain("wrote oci-archive:app.tar");
  expect((await work.lading(["digest", "oci-archive:app.tar"])).stdout).toBe(stdout);
});

test("an image that is written into the context does not end up in the next one", async () => {
  await using work = await workspace({
    a: "a",
    "lading.yaml": "name: all\nlayers: [{ add: [{ src: ., dest: / }] }]\n",
  });
  const first = await work.lading(["build", "-q"]);
  expect(first).toMatchObject({ status: 0 });
  expect(await work.lading(["build", "-q"])).toEqual(first);
});

test("an image in the context does not end up in the next one where the ignore file does not apply either", async () => {
  await using work = await workspace({
    "lading.yaml": "name: app\nlayers: [{ add: [{ src: ., dest: /, ignore: false }] }]\n",
    ".dockerignore": "lading.yaml\n",
  });
  const first = await work.lading(["build", "-q"]);
  expect(first).toMatchObject({ status: 0 });
  expect(await work.lading(["build", "-q"])).toEqual(first);
});

test("every kind of output holds the same image", async () => {
  await using work = await workspace(project);
  const places = ["oci:layout", "oci-archive:a.tar", "docker-archive:d.tar"];
  const flags = places.flatMap((place) => ["-o", place]);
  const { status, stdout } = await work.lading(["build", "--platform", "linux/amd64", "-q", ...flags]);
  expect(status).toBe(0);
  for (const place of places) {
    const { image } = z
      .object({ image: z.object({ imageId: z.string(), layers: z.array(z.object({ diffId: z.string() })) }) })
      .parse(JSON.parse((await work.lading(["inspect", "--json", place])).stdout));
    expect(image.layers).toHaveLength(1);
    if (!place.startsWith("docker")) expect((await work.lading(["digest", place])).stdout).toBe(stdout);
  }
});

test("an archive on stdout is alone there", async () => {
  await using work = await workspace(project);
  const { stdout } = await work.lading(["build", "-q"]);
  await using other = await workspace(project);
  const piped = await other.lading(["build", "-q", "-o", "oci-archive:-", "--digest-file", "digest"]);
  expect(piped).toMatchObject({ status: 0, stderr: "" });
  expect(piped.stdout).toMatch(/^oci-layout\0/);
  expect(piped.stdout).not.toMatch(digest);
  expect(await other.read("digest")).toBe(stdout.trim());
});

test("--dry-run shows the plan and writes nothing", async () => {
  await using work = await workspace(project);
  const { status, stdout } = await work.lading(["build", "--dry-run"]);
  expect(status).toBe(0);
  expect(stdout).toContain("linux/arm64 from scratch\n  app  2 entries, 10 B  as above\n");
  expect(stdout).toContain("    -rw-r--r--  0:0  10 B  /app/main\n");
  expect(stdout).toContain("would be called ghcr.io/acme/app:1\nwould write oci-archive:app.tar\n");
  expect(await work.names()).toEqual(["dist", "lading.yaml"]);
  const json = await work.lading(["build", "--dry-run", "--json"]);
  expect(JSON.parse(json.stdout)).toMatchObject({
    images: [{ platform: "linux/amd64" }, {}],
    outputs: ["oci-archive:app.tar"],
  });
});

test("--explain names the file that made a layer be packed", async () => {
  await using work = await workspace(project);
  expect((await work.lading(["build", "--explain"])).stderr).toContain(
    "app: packed: no earlier build of this layer is known\n",
  );
  expect((await work.lading(["build", "--explain"])).stderr).toContain("app: unchanged: no file was opened\n");
  await work.write({ "dist/main": "#!/bin/bash\n", "dist/new": "" });
  const { stderr } = await work.lading(["build", "--explain"]);
  expect(stderr).toContain("app: packed, because this changed:\n");
  expect(stderr).toContain("  ~ app/main (content)\n");
  expect(stderr).toContain("  + app/new\n");
});

test("--progress json is one event a line", async () => {
  await using work = await workspace(project);
  const { stderr } = await work.lading(["build", "-q", "--progress", "json"]);
  const types = stderr
    .trim()
    .split("\n")
    .map((line) => z.object({ type: z.string() }).parse(JSON.parse(line)).type);
  expect(types).toEqual(expect.arrayContaining(["layer-start", "layer-done", "image", "write-start", "write-done"]));
});

test.each([
  [["build", "--push", "--offline"], "with --offline: it is in a registry\n"],
  [["build", "--platfrom", "linux/amd64"], "hint: Did you mean --platform?\n"],
  [["build", "a", "b"], 'error: Unexpected argument "b"\n'],
  [["build", "--tag"], "error: Cannot use --tag without a value\n"],
  [["build", "--user", "a", "--user", "b"], "error: Cannot use --user more than once\n"],
  [["build", "--progress", "loud"], "error: Cannot use --progress"],
  [["build", "-t", "A B"], 'error: Cannot parse image name "A B"'],
  [["build", "-o", "app.tar"], "hint: To name the file, write oci-archive:app.tar\n"],
  [["build", "-o", "type=oci,dest=x.tar"], "hint: Write it as oci-archive:x.tar\n"],
  [["build", "-o", "scratch"], "podman:REF, containerd:REF and docker:REF\n"],
  [["build", "--load", "rkt"], "podman"],
  [
    ["build", "--from", "docker:nginx"],
    "hint: Save it first: docker save -o image.tar nginx, then name docker-archive:image.tar\n",
  ],
  [["build", "--compression", "lzma"], 'error: --compression: "lzma" is not valid'],
  [["build", "-f", "notes.txt"], 'error: Cannot build from "notes.txt": no kind of file that is known here'],
  [["build", "-f", "nope.yaml"], 'error: Cannot read "nope.yaml"\n'],
  [["build", "nope"], 'error: Cannot read context folder "nope"\n'],
  [["bild"], 'hint: Did you mean "build"?\n'],
  [[], "error: Cannot go on without a command\n"],
])("lading %j is a wrong call: exit code 2, nothing on stdout, nothing written", async (args, message) => {
  await using work = await workspace({ ...project, "notes.txt": "x\n" });
  const { status, stdout, stderr } = await work.lading(args);
  expect(stderr).toContain(message);
  expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
  expect(await work.names()).toEqual(["dist", "lading.yaml", "notes.txt"]);
});

test("SOURCE_DATE_EPOCH sets the date of the image, and must be a number", async () => {
  await using work = await workspace(project);
  expect(await work.lading(["build"], { SOURCE_DATE_EPOCH: "soon" })).toMatchObject({
    status: 2,
    stderr: 'error: Cannot use SOURCE_DATE_EPOCH="soon": expected seconds since 1970\n',
  });
  await work.lading(["build", "-q"], { SOURCE_DATE_EPOCH: "86400" });
  const { stdout } = await work.lading(["inspect", "--json", "oci-archive:app.tar"]);
  expect(JSON.parse(stdout)).toMatchObject({ image: { config: { created: "1970-01-02T00:00:00Z" } } });
});

test("a wrong description is quoted with line and column, and nothing is written", async () => {
  await using work = await workspace({ "lading.yaml": "from: scratch\nentrypont: [a]\n" });
  const { status, stdout, stderr } = await work.lading(["build"]);
  expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
  expect(stderr).toBe(`\
error: Unknown key "entrypont"
  --> lading.yaml:2:1
  1 | from: scratch
  2 | entrypont: [a]
    | ^^^^^^^^^
hint: Did you mean "entrypoint"?
`);
  expect(await work.names()).toEqual(["lading.yaml"]);
});

test("a folder with nothing that describes a build is told what to do", async () => {
  await using empty = await workspace();
  expect(await empty.lading(["build"])).toMatchObject({ status: 2 });
});

test("what goes wrong while building is exit code 1, and the old output stays", async () => {
  await using work = await workspace(project);
  const { stdout } = await work.lading(["build", "-q"]);
  await work.write({ "lading.yaml": yaml.replace("src: dist", "src: gone") });
  const failed = await work.lading(["build"]);
  expect(failed).toMatchObject({ status: 1, stdout: "" });
  expect(failed.stderr).toMatch(/^error: .*"gone"/);
  expect(await work.names()).toEqual(["app.tar", "dist", "lading.yaml"]);
  expect((await work.lading(["digest", "oci-archive:app.tar"])).stdout).toBe(stdout);
  expect(await work.lading(["build", "-o", "oci-archive:no/where.tar"])).toMatchObject({ status: 1, stdout: "" });
});

test("--verbose says where an error comes from", async () => {
  await using work = await workspace({ "lading.yaml": yaml });
  expect((await work.lading(["build"])).stderr).not.toContain(" at ");
  expect((await work.lading(["build", "--verbose"])).stderr).toMatch(/\n {4}at /);
});

test("Ctrl-C ends a build with 130 and leaves nothing half-written", async () => {
  await using work = await workspace({ "lading.yaml": "name: big\nlayers: [{ add: [{ src: big, dest: / }] }]\n" });
  const files = Object.fromEntries(Array.from({ length: 400 }, (_, at) => [`big/${at}`, `${at} `.repeat(60_000)]));
  await work.write(files);
  const child = spawn(fileURLToPath(new URL("../../lading", import.meta.url)), ["build", "--progress", "json"], {
    cwd: work.path,
    env: { ...process.env, LADING_CACHE_DIR: work.cache },
  });
  const exit = once(child, "close");
  // The first event of a layer: the build is at work.
  await once(child.stderr, "data");
  child.kill("SIGINT");
  expect(await exit).toEqual([130, null]);
  expect(await work.names()).toEqual(["big", "lading.yaml"]);
  expect(await work.lading(["build", "-q"])).toMatchObject({ status: 0 });
});

test("build --watch builds again after an edit, tells of one that fails and goes on, and ends with Ctrl-C", async () => {
  await using work = await workspace({ ...project, "notes.txt": "1", ".dockerignore": "notes.txt\n*.tar\n" });
  const child = spawn(fileURLToPath(new URL("../../lading", import.meta.url)), ["build", "--watch", "-o", "oci:out"], {
    cwd: work.path,
    env: { ...process.env, LADING_CACHE_DIR: work.cache, NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = once(child, "exit");
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const digests = () => stdout.split("\n").filter((line) => line !== "");
  const patience = { timeout: 10_000, interval: 20 };
  try {
    await expect.poll(digests, patience).toHaveLength(1);
    await work.write({ "dist/app.js": "edited\n" });
    await expect.poll(digests, patience).toHaveLength(2);
    expect(stderr).toContain("changed: dist/app.js\n");
    expect((await work.lading(["digest", "oci:out"])).stdout).toBe(`${digests()[1]}\n`);

    await work.write({ "lading.yaml": "from: scratch\nentrypont: [a]\n" });
    await expect.poll(() => stderr, patience).toContain('Unknown key "entrypont"');
    await work.write({ ...project, "notes.txt": "2", "dist/new/deep.js": "new\n" });
    await expect.poll(digests, patience).toHaveLength(3);
    expect(new Set(digests()).size).toBe(3);
    expect(stderr).not.toContain("notes.txt");
  } finally {
    child.kill("SIGINT");
  }
  expect(await ended).toEqual([130, null]);
  expect(await work.names()).toEqual([".dockerignore", "dist", "lading.yaml", "notes.txt", "out"]);
});

test("build --watch goes on when its folder was deleted and comes back, and takes what editors replace by rename", async () => {
  await using work = await workspace({
    "app/lading.yaml": "layers: [{ add: [{ src: src, dest: /src }] }]\n",
    "app/src/a.js": "1",
  });
  const child = spawn(
    fileURLToPath(new URL("../../lading", import.meta.url)),
    ["build", "app", "--watch", "-o", "oci:out"],
    {
      cwd: work.path,
      env: { ...process.env, LADING_CACHE_DIR: work.cache, NO_COLOR: "1" },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  const ended = once(child, "exit");
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const digests = () => stdout.split("\n").filter((line) => line !== "");
  const patience = { timeout: 30_000, interval: 20 };
  const path = (name: string): string => join(work.path, name);
  try {
    await expect.poll(digests, patience).toHaveLength(1);
    await work.write({ "app/src/.a.js.tmp": "2" });
    await rename(path("app/src/.a.js.tmp"), path("app/src/a.js"));
    await expect.poll(digests, patience).toHaveLength(2);

    await rm(path("app"), { recursive: true });
    await expect.poll(() => stderr, patience).toContain("Cannot read context folder");
    await work.write({ "app/lading.yaml": "layers: [{ add: [{ src: src, dest: /src }] }]\n", "app/src/b.js": "3" });
    await expect.poll(() => new Set(digests()).size, patience).toBe(3);
  } finally {
    child.kill("SIGINT");
  }
  expect(await ended).toEqual([130, null]);
  expect(await work.names()).toEqual(["app", "out"]);
});

test("build --watch goes on when Lading is replaced by another version", async () => {
  await using work = await workspace(project);
  await using command = await workspace({});
  const at = (path: string): string => join(command.path, path);
  for (const path of ["package.json", "bin", "dist/bin"])
    await cp(fileURLToPath(new URL(`../../packages/cli/${path}`, import.meta.url)), at(path), { recursive: true });
  const child = spawn(process.execPath, [at("bin/lading.js"), "build", "--watch", "-o", "oci:out"], {
    cwd: work.path,
    env: { ...process.env, LADING_CACHE_DIR: work.cache, NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = once(child, "exit");
  let stdout = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  const digests = () => stdout.split("\n").filter((line) => line !== "");
  const patience = { timeout: 30_000, interval: 20 };
  try {
    await expect.poll(digests, patience).toHaveLength(1);
    // Files of the next version have other names.
    await rm(at("dist"), { recursive: true });
    await work.write({ "dist/app.js": "edited\n" });
    await expect.poll(digests, patience).toHaveLength(2);
    await work.write({ "dist/app.js": "edited again\n" });
    await expect.poll(() => new Set(digests()).size, patience).toBe(3);
  } finally {
    child.kill("SIGINT");
  }
  expect(await ended).toEqual([130, null]);
});

test("build --watch sees a Dockerfile that a description names outside of the context, before the first build that goes well, too", async () => {
  await using work = await workspace({
    "app/lading.yaml": "dockerfile: ../docker/Dockerfile\n",
    "app/a.js": "1",
    "docker/Dockerfile": "FORM scratch\n",
  });
  const child = spawn(
    fileURLToPath(new URL("../../lading", import.meta.url)),
    ["build", "app", "--watch", "-o", "oci:out"],
    {
      cwd: work.path,
      env: { ...process.env, LADING_CACHE_DIR: work.cache, NO_COLOR: "1" },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  const ended = once(child, "exit");
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const digests = () => stdout.split("\n").filter((line) => line !== "");
  const patience = { timeout: 30_000, interval: 20 };
  try {
    await expect.poll(() => stderr, patience).toContain('Unknown instruction "FORM"');
    await work.write({ "docker/Dockerfile": "FROM scratch\nCOPY a.js /one\n" });
    await expect.poll(digests, patience).toHaveLength(1);
    await work.write({ "docker/Dockerfile": "FROM scratch\nCOPY a.js /two\n" });
    await expect.poll(digests, patience).toHaveLength(2);
    await work.write({ "docker/Dockerfile": "FROM scratch\nCOPY a.js /three\n" });
    await expect.poll(() => new Set(digests()).size, patience).toBe(3);
    expect(stderr).toContain("changed: ../docker/Dockerfile\n");
  } finally {
    child.kill("SIGINT");
  }
  expect(await ended).toEqual([130, null]);
});

test.runIf(installed("strace"))(
  "a Node project that nothing changed in is looked at, and none of its files is opened but what describes it",
  async () => {
    await using work = await workspace({
      "package.json": '{ "name": "app", "main": "main.js", "dependencies": { "a": "1.0.0" } }',
      "package-lock.json": JSON.stringify({
        lockfileVersion: 3,
        packages: {
          "": { name: "app", dependencies: { a: "1.0.0" } },
          "node_modules/a": { version: "1.0.0" },
        },
      }),
      ".dockerignore": "*.md\n",
      "main.js": "",
      "lib/key.pem": "no key",
      "node_modules/a/package.json": '{ "name": "a", "version": "1.0.0" }',
      "node_modules/a/index.js": "",
    });
    const args = ["build", "--from", "scratch", "-o", "oci:../out"];
    const first = await work.lading(args);
    // Until times of files are settled, also for file systems that keep whole seconds.
    await new Promise((resolve) => setTimeout(resolve, 2100));
    expect(await work.lading(args)).toMatchObject({ status: 0, stdout: first.stdout });

    const log = join(work.path, "..", "strace.log");
    const trace = ["-f", "-qq", "-e", "trace=open,openat,openat2", "-o", log, ladingCommand, ...args];
    expect(await run("strace", trace, { cwd: work.path, env: { LADING_CACHE_DIR: work.cache } })).toBe(first.stdout);

    const opened = (await readFile(log, "utf8")).split("\n").filter((line) => !line.includes("O_DIRECTORY"));
    const names = opened.flatMap((line) => new RegExp(`"${work.path}/([^"]+)".* = \\d`).exec(line)?.[1] ?? []);
    expect([...new Set(names)].toSorted()).toEqual([".dockerignore", "package-lock.json", "package.json"]);
  },
);
