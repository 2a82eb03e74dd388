import { chown, copyFile, readdir, stat, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { installed, run } from "../interop/command.ts";
import { startPodman } from "../interop/podman.ts";
import { workspace } from "./workspace.ts";

// Debian's busybox-static is one.
const isStatic = installed("busybox");

test.runIf(isStatic)("a static program is an image FROM scratch, with nothing else in it", async () => {
  await using work = await workspace({ ".dockerignore": "*\n" });
  await copyFile((await run("which", ["busybox"])).trim(), join(work.path, "busybox"));
  expect(await work.lading(["build", "./busybox", "-o", "oci:out"])).toMatchObject({ status: 0 });
  const { stdout } = await work.lading(["inspect", "--json", "oci:out"]);
  expect(JSON.parse(stdout)).toMatchObject({
    image: {
      layers: [{ files: 1 }],
      config: { os: "linux", config: { Entrypoint: ["/busybox"], User: "65532:65532" } },
    },
  });
  const described = await work.lading(["build", "-f", "busybox", "-o", "oci:out"]);
  expect(described).toMatchObject({ status: 0, stdout: expect.stringMatching(/^sha256:/) });

  await symlink("busybox", join(work.path, "sh"));
  expect(await work.lading(["build", "sh", "--dry-run"])).toMatchObject({
    status: 0,
    stdout: expect.stringContaining('Entrypoint ["/sh"]'),
  });
});

test.runIf(isStatic && installed("podman"))("podman runs it as nobody", async () => {
  await using work = await workspace();
  await using podman = await startPodman();
  await copyFile((await run("which", ["busybox"])).trim(), join(work.path, "busybox"));
  const tag = "localhost/static-program:1";
  expect(await work.lading(["build", "busybox", "-t", tag, "-o", "oci-archive:out.tar"])).toMatchObject({ status: 0 });
  await podman(["load", "-i", join(work.path, "out.tar")]);
  expect(await podman(["run", "--rm", "--network=none", tag, "id", "-u"])).toBe("65532\n");
});

test.each([
  ["a dynamic program", process.execPath, /without a base: it is linked dynamically, and needs \/lib\S*\/ld-/],
  ["a script", "#!/usr/bin/env python3\n", /it is a script, which \/usr\/bin\/env python3 runs/],
  ["a program of Windows", `MZ${"\0".repeat(58)}@\0\0\0PE\0\0`, /it is a program for Windows/],
  ["a damaged program", "\x7fELF\x02\x01\x01", /Cannot read the program "app"\n.*it is cut off/],
  ["text", "hello\n", /no kind of file that is known here by "app"/],
  ["nothing", "", /no kind of file that is known here by "app"/],
])("%s is refused, and nothing is written", async (_, content, says) => {
  await using work = await workspace();
  if (content === process.execPath) await copyFile(content, join(work.path, "app"));
  else await writeFile(join(work.path, "app"), content);
  const { status, stdout, stderr } = await work.lading(["build", "app", "-o", "oci:out"]);
  expect(stderr).toMatch(says);
  expect(status).not.toBe(0);
  expect(stdout).toBe("");
  expect(await work.names()).toEqual(["app"]);
});

test.each([
  { what: "of which a power failure left half", spoil: truncateHalf },
  // Only root can give files away.
  ...(process.getuid?.() === 0
    ? [{ what: "that is another user's", spoil: async (file: string) => await chown(file, 12_345, 12_345) }]
    : []),
])("compiled code $what is not run, and made anew", async ({ spoil }) => {
  await using work = await workspace({});
  const folder = join(work.path, "cache");
  const code = async (): Promise<string> => {
    expect(await work.lading(["cache", "ls"], { XDG_CACHE_HOME: folder })).toMatchObject({ status: 0, stderr: "" });
    const [name = ""] = await readdir(join(folder, "lading-code"));
    return join(folder, "lading-code", name);
  };
  const file = await code();
  const { ino } = await stat(file);
  expect((await stat(await code())).ino).toBe(ino);
  await spoil(file);

  const { ino: made, uid } = await stat(await code());

  expect(made).not.toBe(ino);
  expect(uid).toBe(process.getuid?.());
  expect((await stat(await code())).ino).toBe(made);
});

/** The length is on the disk, and the end of what was written is not. */
async function truncateHalf(file: string): Promise<void> {
  const { size } = await stat(file);
  await truncate(file, Math.floor(size / 2));
  await truncate(file, size);
}

test("a cache folder that is not absolute is none", async () => {
  await using work = await workspace({});
  const home = join(work.path, "home");
  expect(await work.lading(["cache", "ls"], { XDG_CACHE_HOME: "cache", HOME: home })).toMatchObject({ status: 0 });
  expect(await work.names()).toEqual(["home"]);
});

test("code that was compiled once is taken again, whatever the command is used for in between", async () => {
  await using work = await workspace({ "lading.yaml": "layers: [{ add: [{ content: hi, dest: /hi }] }]" });
  await writeFile(join(work.path, "package.json"), "{}");
  const folder = join(work.path, "home");
  const build = async (file: string): Promise<string> => {
    const args = ["build", "-f", file, "-o", "oci:out", "--from", "scratch", "--entrypoint", "/hi"];
    expect(await work.lading(args, { XDG_CACHE_HOME: folder })).toMatchObject({ status: 0 });
    const [name = ""] = await readdir(join(folder, "lading-code"));
    const { ino, size, mtimeMs } = await stat(join(folder, "lading-code", name));
    return `${name} ${ino} ${size} ${mtimeMs}`;
  };
  for (const file of ["lading.yaml", "package.json", "lading.yaml", "package.json"]) await build(file);
  const known = await build("lading.yaml");
  expect(await build("package.json")).toBe(known);
  expect(await build("lading.yaml")).toBe(known);
});
