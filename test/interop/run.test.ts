import { copyFile, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "@lading/testkit";
import { expect, test } from "vitest";
import { attempt, installed, isRoot, run } from "./command.ts";
import { lading, ladingCommand } from "./lading.ts";

const always = ["--rm", "--engine", "runc", "--network", "none"];
const runnable = installed("runc", "busybox", "unshare", "mount") && isRoot;

interface Box extends AsyncDisposable {
  readonly path: string;
  /** `lading run --rm …flags IMAGE …command` without a network, with containers kept in this folder. */
  run(
    flags: readonly string[],
    command?: readonly string[],
  ): Promise<{ status: number | null; stdout: string; stderr: string }>;
}

/** An image of busybox, with `files` that `change` adds and flags that the build gets. */
async function busybox(flags: readonly string[] = [], change?: (root: string) => Promise<void>): Promise<Box> {
  const folder = await temporaryFolder();
  const root = join(folder.path, "root");
  await mkdir(join(root, "bin"), { recursive: true });
  await mkdir(join(root, "etc"));
  await copyFile((await run("sh", ["-c", "command -v busybox"])).trim(), join(root, "bin/busybox"));
  for (const name of ["sh", "cat", "grep", "id", "sleep", "touch", "true"])
    await symlink("busybox", join(root, "bin", name));
  await writeFile(join(root, "etc/passwd"), "root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n");
  await change?.(root);
  const image = `oci-archive:${folder.path}/image.tar`;
  await lading(["build", folder.path, "--from", "scratch", "--add", `${root}:/`, "--output", image, ...flags]);
  return {
    path: folder.path,
    run: (options, command = []) =>
      attempt(ladingCommand, ["run", ...always, "--root", `${folder.path}/state`, ...options, image, ...command]),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

test.runIf(runnable)("run gives the program's output and its exit code, and leaves nothing behind", async () => {
  await using box = await busybox(["--cmd", '["sh","-c","echo out; echo err >&2; exit 7"]']);

  expect(await box.run([])).toEqual({ status: 7, stdout: "out\n", stderr: "err\n" });

  expect(await readdir(join(box.path, "state/containers"))).toEqual([]);
  expect(await readdir(join(box.path, "state/names"))).toEqual([]);
  expect(await readFile("/proc/self/mounts", "utf8")).not.toContain(box.path);
});

test.runIf(runnable)("what follows the image is the program's, flags and all", async () => {
  await using box = await busybox();

  const { stdout } = await box.run(["-e", "A=1"], ["sh", "-c", 'echo "$A $0 $1"', "--json", "-v"]);

  expect(stdout).toBe("1 --json -v\n");
});

test.runIf(runnable)("the default profile holds, as the kernel tells it", async () => {
  await using box = await busybox();

  const { stdout } = await box.run([], ["grep", "-E", "^(CapEff|CapBnd|NoNewPrivs|Seccomp):", "/proc/self/status"]);

  expect(stdout).toBe("CapEff:\t00000000800405fb\nCapBnd:\t00000000800405fb\nNoNewPrivs:\t1\nSeccomp:\t2\n");
});

test.runIf(runnable)("strict leaves no capability and nothing to write to", async () => {
  await using box = await busybox();

  const status = await box.run(["--profile", "strict"], ["grep", "CapBnd", "/proc/self/status"]);
  const write = await box.run(["--profile", "strict"], ["touch", "/file"]);

  expect(status.stdout).toBe("CapBnd:\t0000000000000000\n");
  expect(write.stderr).toContain("Read-only file system");
});

test.runIf(runnable)("namespaces are the container's own", async () => {
  await using box = await busybox();
  const kinds = ["cgroup", "ipc", "mnt", "net", "pid", "uts"];

  const { stdout } = await box.run(
    [],
    ["sh", "-c", `for kind in ${kinds.join(" ")}; do busybox readlink /proc/self/ns/$kind; done`],
  );

  const host = await run("sh", ["-c", `for kind in ${kinds.join(" ")}; do readlink /proc/self/ns/$kind; done`]);
  const own = stdout.trim().split("\n");
  expect(own).toHaveLength(kinds.length);
  for (const namespace of host.trim().split("\n")) expect(own).not.toContain(namespace);
});

test.runIf(runnable)("limits are those of the container's cgroup", async () => {
  await using box = await busybox();

  const { stdout } = await box.run(
    ["--memory", "64m", "--pids-limit", "50"],
    [
      "sh",
      "-c",
      "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/pids/pids.max 2>/dev/null || cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max",
    ],
  );

  expect(stdout).toBe("67108864\n50\n");
});

test.runIf(runnable)("a file of the host is mounted as it was said", async () => {
  await using box = await busybox();
  await writeFile(join(box.path, "note"), "hello\n");

  const read = await box.run(["-v", `${box.path}/note:/note:ro`], ["sh", "-c", "cat /note; echo x > /note"]);

  expect(read.stdout).toBe("hello\n");
  expect(read.stderr).toContain("Read-only file system");
});

test.runIf(runnable)("users are found in the image", async () => {
  await using box = await busybox(["--user", "app"]);

  expect((await box.run([], ["id", "-u"])).stdout).toBe("1000\n");
  expect(await box.run(["-u", "nobody"], ["id"])).toMatchObject({
    status: 125,
    stderr: expect.stringContaining(`the image's /etc/passwd has no user "nobody"`),
  });
});

test.runIf(runnable)("/dev through a symlink is refused before a runtime sees it", async () => {
  await using decoy = await temporaryFolder();
  await writeFile(join(decoy.path, "ptmx"), "decoy");
  await using box = await busybox([], (root) => symlink(decoy.path, join(root, "dev")));

  const { status, stderr } = await box.run([], ["true"]);

  expect(status).toBe(125);
  expect(stderr).toContain("Cannot run the image: /dev is a symlink");
  expect(await readdir(decoy.path)).toEqual(["ptmx"]);
  expect(await readFile(join(decoy.path, "ptmx"), "utf8")).toBe("decoy");
});

test.runIf(runnable)("exit codes for what cannot be started are docker's", async () => {
  await using box = await busybox();

  expect((await box.run([], ["missing"])).status).toBe(127);
  expect((await box.run([], ["/etc/passwd"])).status).toBe(126);
  expect((await box.run(["-v", "/missing/here:/x"], ["true"])).status).toBe(125);
});
