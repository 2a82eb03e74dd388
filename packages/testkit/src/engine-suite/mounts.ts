import { existsSync } from "node:fs";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { totalmem } from "node:os";
import { join } from "node:path";
import { type MountRequest, RunnerError } from "@lading/runner";
import { expect, test } from "vitest";
import { temporaryFolder } from "../folder.ts";
import { type Bench, newName } from "./bench.ts";

/** Files from elsewhere: binds, volumes, memory, devices. */
export function mounts(bench: () => Bench): void {
  test("a folder of the host is in the container, and what is written there is on the host", async () => {
    await using folder = await shared();
    await writeFile(join(folder.path, "note"), "from the host\n");

    const { stdout } = await bench().sh("cat /mnt/deep/note; echo back > /mnt/deep/answer", {
      mounts: [{ type: "bind", source: folder.path, destination: "/mnt/deep" }],
    });

    expect(stdout).toBe("from the host\n");
    expect(await readFile(join(folder.path, "answer"), "utf8")).toBe("back\n");
  });

  test("a file of the host is in the container, read-only when that is asked for", async () => {
    await using folder = await shared();
    await writeFile(join(folder.path, "note"), "kept\n");

    const { stdout, stderr } = await bench().sh("cat /etc/note; echo lost > /etc/note", {
      mounts: [{ type: "bind", source: join(folder.path, "note"), destination: "/etc/note", readonly: true }],
    });

    expect(stdout).toBe("kept\n");
    expect(stderr).toContain("Read-only file system");
    expect(await readFile(join(folder.path, "note"), "utf8")).toBe("kept\n");
  });

  test("a bind has no more than it was given: no set-user-id programs, no devices", async () => {
    await using folder = await shared();
    const { mounts: seen } = await bench().look({
      mounts: [{ type: "bind", source: folder.path, destination: "/mnt" }],
    });

    const mount = seen.find(({ destination }) => destination === "/mnt");
    expect(mount?.options).toContain("rw");
    expect(mount?.propagation).toEqual([]);
  });

  test("a source that is not there is refused, and not made", async () => {
    const missing = join("/tmp", newName());

    await expect(
      bench().sh("true", { mounts: [{ type: "bind", source: missing, destination: "/mnt" }] }),
    ).rejects.toBeInstanceOf(RunnerError);
    expect(existsSync(missing)).toBe(false);
  });

  test("a mount below another is there, whatever the order they were asked for in", async () => {
    await using outer = await shared();
    await using inner = await shared();
    await mkdir(join(outer.path, "deep"));
    await writeFile(join(inner.path, "note"), "inner\n");
    const binds: readonly MountRequest[] = [
      { type: "bind", source: inner.path, destination: "/mnt/deep" },
      { type: "bind", source: outer.path, destination: "/mnt" },
    ];

    expect((await bench().sh("cat /mnt/deep/note", { mounts: binds })).stdout).toBe("inner\n");
  });

  test("a volume begins with what the image has there, and keeps what is written", async () => {
    const volume = { type: "volume", name: newName(), destination: "/srv/data" } as const;

    const first = await bench().sh(
      "cat /srv/data/seed; stat -c '%u:%g %a' /srv/data /srv/data/seed; echo more >> /srv/data/seed",
      {
        mounts: [volume],
      },
    );
    const second = await bench().sh("cat /srv/data/seed", { mounts: [volume] });
    const third = await bench().sh("cat /elsewhere/seed; touch /elsewhere/x", {
      mounts: [{ ...volume, destination: "/elsewhere", readonly: true }],
    });

    expect(first.stdout).toBe("seed\n1000:1000 750\n1000:1000 640\n");
    expect(second.stdout).toBe("seed\nmore\n");
    expect(third.stdout).toBe("seed\nmore\n");
    expect(third.stderr).toContain("Read-only file system");
  });

  test("two containers share a volume while they run", async () => {
    const volume = { type: "volume", name: newName(), destination: "/shared" } as const;
    await using first = await bench().idle({ mounts: [volume] });
    await using second = await bench().idle({ mounts: [volume] });

    await bench().exec(first, ["sh", "-c", "echo here > /shared/file"]);

    expect((await bench().exec(second, ["cat", "/shared/file"])).stdout).toBe("here\n");
  });

  test("memory is a file system of the size and the mode that were asked for", async () => {
    const { stdout } = await bench().sh(
      "stat -c %a /cache; df -k /cache | tail -1 | tr -s ' ' | cut -d ' ' -f 2; cp /bin/busybox /cache/true; /cache/true 2>&1; grep ' /cache ' /proc/mounts",
      { mounts: [{ type: "tmpfs", destination: "/cache", size: 4 * 1024 * 1024, mode: 0o711 }] },
    );

    const [mode, size, refused, mount] = stdout.trim().split("\n");
    expect(mode).toBe("711");
    expect(size).toBe("4096");
    expect(refused).toContain("Permission denied");
    expect(mount).toMatch(/^\S+ \/cache tmpfs rw,nosuid,nodev,noexec,/);
  });

  test("memory may be read-only, and as large as a part of the machine's", async () => {
    const mount = { type: "tmpfs", destination: "/cache" } as const;
    const half = await bench().sh("df -k /cache | tail -1 | tr -s ' ' | cut -d ' ' -f 2", {
      mounts: [{ ...mount, options: ["size=25%"] }],
    });
    const readonly = await bench().sh("touch /cache/file", { mounts: [{ ...mount, options: ["ro"] }] });

    expect(Number(half.stdout)).toBeGreaterThan((totalmem() / 1024) * 0.2);
    expect(Number(half.stdout)).toBeLessThan((totalmem() / 1024) * 0.3);
    expect(readonly.stderr).toContain("Read-only file system");
  });

  test("programs run from memory when that is asked for", async () => {
    const { code } = await bench().sh("cp /bin/busybox /cache/true; /cache/true", {
      mounts: [{ type: "tmpfs", destination: "/cache", options: ["exec"] }],
    });

    expect(code).toBe(0);
  });

  test("a read-only root is that, and mounts in it are not", async () => {
    const { stdout, stderr } = await bench().sh(
      "touch /file /etc/file; touch /cache/file /dev/shm/file && echo written",
      {
        readonlyRoot: true,
        mounts: [{ type: "tmpfs", destination: "/cache" }],
      },
    );

    expect(stderr.match(/Read-only file system/g)).toHaveLength(2);
    expect(stdout).toBe("written\n");
  });

  test("shared memory has the size that was asked for", async () => {
    const size = "df -k /dev/shm | tail -1 | tr -s ' ' | cut -d ' ' -f 2";

    expect((await bench().sh(size)).stdout.trim()).toBe("65536");
    expect((await bench().sh(size, { shmSize: 8 * 1024 * 1024 })).stdout.trim()).toBe("8192");
  });

  test("devices are the usual ones", async () => {
    const { lines } = await bench().look();

    const devices = lines("devices").map((line) => line.split(" ")[0]?.slice("/dev/".length));
    for (const name of ["full", "null", "ptmx", "random", "tty", "urandom", "zero"]) expect(devices).toContain(name);
    for (const name of devices)
      expect([
        "console",
        "core",
        "fd",
        "full",
        "mqueue",
        "null",
        "ptmx",
        "pts",
        "random",
        "shm",
        "stderr",
        "stdin",
        "stdout",
        "tty",
        "urandom",
        "zero",
      ]).toContain(name);
  });

  test("a device that was given is there, and may be used as it was said", async () => {
    const plan = bench().plan({ command: ["sh", "-c", "head -c 3 /dev/noise | wc -c; echo x > /dev/noise"] });
    const device = { type: "c", major: 1, minor: 5, mode: 0o666, uid: 0, gid: 0 } as const; // /dev/zero
    if (bench().info.rootless) return; // Devices of somebody who is not root are binds; their access is the file's.
    await using container = await bench().engine.create(
      { ...plan, devices: [{ ...device, source: "/dev/zero", destination: "/dev/noise", access: "r" }] },
      bench().image,
      { imageName: "probe" },
    );

    const { stdout, stderr } = await bench().toEnd(container);

    expect(stdout.trim()).toBe("3");
    // /dev/zero itself may be written to: rules of a cgroup are by number, not by name, and add up.
    expect(stderr).toMatch(/^$|Operation not permitted/);
  });

  test("the mounts are the same in every container, and none is shared with the host", async () => {
    const { mounts: seen } = await bench().look();

    expect(seen.filter(({ propagation }) => propagation.some((each) => each.startsWith("shared")))).toEqual([]);
    for (const destination of [
      "/",
      "/proc",
      "/dev",
      "/dev/pts",
      "/dev/shm",
      "/dev/mqueue",
      "/sys",
      "/sys/fs/cgroup",
      "/etc/hosts",
      "/etc/hostname",
    ])
      expect(seen.map((mount) => mount.destination)).toContain(destination);
    const sys = seen.find(({ destination }) => destination === "/sys");
    expect(sys?.options).toContain("ro");
  });
}

/** A folder of the host that anybody may write to. */
async function shared(): Promise<Awaited<ReturnType<typeof temporaryFolder>>> {
  const folder = await temporaryFolder();
  await chmod(folder.path, 0o777);
  return folder;
}
