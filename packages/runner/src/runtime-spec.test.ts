import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { temporaryFolder } from "@lading/testkit";
import { describe, expect, test } from "vitest";
import type { RunSpec } from "./run-spec.ts";
import { runtimeSpec } from "./runtime-spec.ts";
import { canRun, runScript as runScriptOf, runtimes, type ScriptOptions, testPlan } from "./spec/run-bundle.suite.ts";

const place = { root: "/rootfs", cgroupsPath: "/c", files: {}, joined: {}, hostname: "box" };
const written = (spec: RunSpec, more: object = {}): string =>
  JSON.stringify(runtimeSpec(testPlan(spec), { ...place, ...more }));

const maps = {
  uidMap: [{ containerId: 0, hostId: 200_000, size: 65_536 }],
  gidMap: [{ containerId: 0, hostId: 200_000, size: 65_536 }],
};
const kinds = "cgroup ipc mnt net pid user uts".split(" ");
const inode = (kind: string, pid: string | number = "self"): string =>
  execFileSync("readlink", [`/proc/${pid}/ns/${kind}`], { encoding: "utf8" }).trim();
const own = `for kind in ${kinds.join(" ")}; do readlink /proc/self/ns/$kind; done`;

test("a namespace to join that nobody made is an error", () => {
  expect(() => written({ ipc: { container: "other" } })).toThrow("Cannot join a ipc namespace");
  expect(written({ ipc: { container: "other" } }, { joined: { ipc: "/proc/7/ns/ipc" } })).toContain(
    '{"type":"ipc","path":"/proc/7/ns/ipc"}',
  );
  expect(written({ ipc: { path: "/proc/8/ns/ipc" } })).toContain('{"type":"ipc","path":"/proc/8/ns/ipc"}');
});

test("ids that the plan leaves to the engine must come from it", () => {
  expect(() => written({ userns: "auto" })).toThrow(
    "Cannot make a user namespace: nothing says how its ids are mapped",
  );
  expect(written({ userns: "auto" }, { idMaps: maps })).toContain('{"containerID":0,"hostID":200000,"size":65536}');
  expect(written({}, { idMaps: maps })).toContain('{"type":"user"}');
});

test("a volume without a folder is an error", () => {
  const spec: RunSpec = { mounts: [{ type: "volume", name: "data", destination: "/data" }] };
  expect(() => written(spec)).toThrow('Cannot mount volume "data": it has no folder');
});

test("a hostname is only set where it is nobody else's", () => {
  expect(written({})).toContain('"hostname":"box"');
  expect(written({ uts: "host" })).not.toContain('"hostname"');
  expect(written({ uts: { path: "/proc/1/ns/uts" } })).not.toContain('"hostname"');
});

test("a clock of its own asks for a newer runtime, and nothing else does", () => {
  expect(written({})).toMatch(/^\{"ociVersion":"1\.0\.2"/);
  expect(written({})).not.toContain('{"type":"time"}');
  expect(written({ time: "private" })).toMatch(/^\{"ociVersion":"1\.1\.0".*\{"type":"time"\}/);
});

test("no limit is the number that setrlimit takes for it", () => {
  expect(written({ ulimits: [{ name: "fsize", soft: -1, hard: -1 }] })).toMatch(
    /"RLIMIT_FSIZE","soft":(?:18446744073709551615|\d+),"hard":(?:18446744073709551615|\d+)/,
  );
});

test("without a cgroup nothing is said of cgroups", () => {
  const text = written({}, { cgroupsPath: undefined });
  expect(text).not.toContain("cgroupsPath");
  expect(text).not.toContain('"resources"');
  expect(text).not.toContain("/sys/fs/cgroup");
});

test("binds pass on what they are asked to, and the root with them", () => {
  const bind = { type: "bind", source: "/srv", destination: "/srv" } as const;
  expect(written({ mounts: [{ ...bind, propagation: "rslave" }] })).toContain('"rootfsPropagation":"rslave"');
  expect(written({ mounts: [{ ...bind, propagation: "shared" }] })).toContain('"rootfsPropagation":"rshared"');
  expect(written({ mounts: [bind] })).not.toContain("rootfsPropagation");
});

test("a mount of the user's takes the place of a usual one", () => {
  const text = written(
    {
      mounts: [
        { type: "tmpfs", destination: "/dev/shm", size: 1024 },
        { type: "bind", source: "/h", destination: "/etc/hosts" },
      ],
    },
    { files: { "/etc/hosts": "/state/hosts", "/etc/hostname": "/state/hostname" } },
  );
  expect(text.match(/"destination":"\/dev\/shm"/g)).toHaveLength(1);
  expect(text).not.toContain('/state/hosts"');
  expect(text).toContain('/state/hostname"');
});

// What runc and the kernel make of it.
describe.runIf(canRun).each(runtimes)("under %s", (_name, runtime) => {
  const runScript = async (script: string, spec: RunSpec = {}, options: ScriptOptions = {}): Promise<string> =>
    await runScriptOf(script, spec, { runtime, ...options });

  test("every namespace but the user's is a new one", async () => {
    const inside = (await runScript(own)).split("\n");
    const outside = new Set(kinds.map((kind) => inode(kind)));
    expect(inside.filter((each) => outside.has(each))).toEqual([inode("user")]);
  });

  test("namespaces of the host are the host's", async () => {
    const spec = { network: "host", pid: "host", ipc: "host", uts: "host", cgroup: "host" } as const;
    const inside = (await runScript(own, spec)).split("\n");
    const outside = new Set(kinds.map((kind) => inode(kind)));
    expect(inside.filter((each) => !outside.has(each))).toHaveLength(1);
  });

  test.each([
    {},
    { network: "host" },
    { pid: "host" },
    { ipc: "host" },
    { network: "host", pid: "host", ipc: "host", uts: "host", cgroup: "host" },
    { network: { path: "/proc/self/ns/net" } },
  ] as const)("ids are mapped with %j", async (spec) => {
    const text = await runScript("cat /proc/self/uid_map /proc/self/gid_map; id -u; ls /sys/class/net", {
      userns: maps,
      ...spec,
    });
    expect(text.replace(/ +/g, " ")).toContain("0 200000 65536\n 0 200000 65536\n0\n");
  });

  test("one id is enough of a mapping", async () => {
    const one = [{ containerId: 0, hostId: 0, size: 1 }];
    expect(await runScript("id -u; mount", { userns: { uidMap: one, gidMap: one } })).not.toContain("gid=5");
  });

  test("the host's /sys is read-only to its depth", async () => {
    const rw = await runScript("mount | grep ' /sys' | grep -v ' /sys/fs/cgroup type tmpfs' | grep '(rw'; true", {
      userns: maps,
      network: "host",
    });
    expect(rw).toBe("");
  });

  test("namespaces of another process are joined", async () => {
    const other = spawn("unshare", ["--net", "--ipc", "--uts", "--pid", "--fork", "sleep", "60"]);
    try {
      await delay(300);
      const pid = execFileSync("pgrep", ["-P", String(other.pid)], { encoding: "utf8" }).trim();
      const joined = Object.fromEntries(["net", "ipc", "uts", "pid"].map((kind) => [kind, `/proc/${pid}/ns/${kind}`]));
      const source = { container: "other" };
      const spec = { network: source, ipc: source, uts: source, pid: source };
      const inside = (await runScript(own, spec, { place: { joined } })).split("\n");
      for (const kind of Object.keys(joined)) expect(inside).toContain(inode(kind, pid));
      await expect(runScript(own, { ...spec, userns: maps }, { place: { joined } })).rejects.toThrow(
        "Cannot see the processes of another container from a user namespace of its own",
      );
      process.kill(Number(pid), "SIGKILL");
    } finally {
      other.kill("SIGKILL");
    }
  });

  test("a user namespace is joined with those that belong to it", async () => {
    const other = spawn("unshare", ["--user", "sleep", "60"]);
    try {
      await delay(200);
      for (const kind of ["uid", "gid"]) writeFileSync(`/proc/${other.pid}/${kind}_map`, "0 200000 65536");
      const inside = await runScript(
        own,
        { userns: maps },
        { place: { joined: { user: `/proc/${other.pid}/ns/user` } } },
      );
      expect(inside).toContain(inode("user", other.pid));
    } finally {
      other.kill("SIGKILL");
    }
  });

  test("the process has what the plan says, no more and no less", async () => {
    const status = await runScript("cat /proc/self/status", { user: "app" });
    expect(status).toMatch(/^Uid:\s+1000\s+1000\s+1000\s+1000$/m);
    expect(status).toMatch(/^Groups:\s+50 1000\s*$/m);
    expect(status).toMatch(/^CapBnd:\s+00000000800405fb$/m);
    expect(status).toMatch(/^CapEff:\s+0+$/m);
    expect(status).toMatch(/^NoNewPrivs:\s+1$/m);
    expect(status).toMatch(/^Seccomp:\s+2$/m);
    expect(status).toMatch(/^Umask:\s+0022$/m);
    const given = await runScript("cat /proc/self/status", {
      user: "app",
      capAdd: ["NET_RAW"],
      noNewPrivileges: false,
    });
    expect(given).toMatch(/^CapAmb:\s+0000000000002000$/m);
    expect(given).toMatch(/^NoNewPrivs:\s+0$/m);
    expect(await runScript("cat /proc/self/status", { profile: "unconfined" })).toMatch(/^Seccomp:\s+0$/m);
  });

  test("limits of the process and of its cgroup hold", async () => {
    const spec: RunSpec = {
      memory: 64 * 2 ** 20,
      memoryReservation: 32 * 2 ** 20,
      cpus: 0.5,
      cpuShares: 512,
      cpuset: "0",
      pidsLimit: 50,
      oomScoreAdj: 500,
      ulimits: [
        { name: "core", soft: 0, hard: 0 },
        { name: "fsize", soft: 2 ** 20, hard: -1 },
      ],
    };
    const text = await runScript(
      `cat /proc/self/limits /proc/self/oom_score_adj
      cd /sys/fs/cgroup; for file in memory/memory.limit_in_bytes cpu/cpu.cfs_quota_us cpu/cpu.shares cpuset/cpuset.cpus pids/pids.max \\
        memory.max cpu.max cpuset.cpus pids.max; do [ -e $file ] && echo $file $(cat $file); done; true`,
      spec,
    );
    expect(text).toMatch(/^Max core file size\s+0\s+0 /m);
    expect(text).toMatch(/^Max file size\s+1048576\s+unlimited /m);
    expect(text).toMatch(/^500$/m);
    expect(text).toMatch(/^(?:memory\/memory.limit_in_bytes|memory.max) 67108864$/m);
    expect(text).toMatch(/^(?:cpu\/cpu.cfs_quota_us 50000|cpu.max 50000 100000)$/m);
    expect(text).toMatch(/^(?:cpuset\/)?cpuset.cpus 0$/m);
    expect(text).toMatch(/^(?:pids\/)?pids.max 50$/m);
  });

  test("sysctls are the container's own", async () => {
    const sysctls = { "kernel.msgmax": "4096", "net.ipv4.ip_default_ttl": "33" };
    const text = await runScript(
      "cd /proc/sys; cat kernel/msgmax net/ipv4/ip_default_ttl kernel/domainname net/ipv4/ping_group_range",
      { sysctls: { ...sysctls, "kernel.domainname": "example" } },
    );
    expect(text.replace(/\s+/g, " ")).toBe("4096 33 example 0 0");
    // Owned by the container, its network takes them in a user namespace too.
    expect(await runScript("cat /proc/sys/net/ipv4/ip_default_ttl", { sysctls, userns: maps })).toBe("33");
  });

  test.each(["host", maps] as const)("devices are there, and may be opened, with user namespace %j", async (userns) => {
    // None of the devices that every container has.
    const device = {
      source: "/dev/kmsg",
      destination: "/dev/log",
      type: "c",
      major: 1,
      minor: 11,
      mode: 0o666,
      uid: 0,
      gid: 0,
      access: "r",
    } as const;
    const script = "ls -l /dev/log 2>&1; (: < /dev/log) 2>&1; (: > /dev/log) 2>&1; true";
    const text = await runScript(script, { userns, capAdd: ["SYSLOG"] }, { context: { devices: [device] } });
    expect(text).toContain("1,  11");
    // To read it is allowed, to write is not.
    if (userns === "host") expect(text.match(/Operation not permitted/g)).toHaveLength(1);
  });

  test("an init program is process 1, and the command its child", async () => {
    const init = ["/usr/bin/catatonit", "/usr/libexec/podman/catatonit", "/usr/bin/tini"].find((path) =>
      existsSync(path),
    );
    if (init === undefined) return;
    const text = await runScript(
      "cat /proc/1/cmdline | head -c 16; echo; cat /proc/self/stat | grep -c .",
      { init: true },
      { context: { init } },
    );
    expect(text).toMatch(/^\/run\/lading-init/);
  });

  test("what is masked looks empty, what is read-only is not written to", async () => {
    const text = await runScript(
      "cat /proc/keys /proc/interrupts; ls -A /sys/firmware /proc/acpi /secret; (echo 1 > /proc/sys/kernel/panic) 2>&1; true",
      { mask: ["/secret"] },
      {
        prepare: (root) => {
          mkdirSync(join(root, "secret"));
          writeFileSync(join(root, "secret/key"), "x");
        },
      },
    );
    expect(text).not.toContain("key\n");
    expect(text).toContain("Read-only file system");
  });

  test("a root that is read-only has writable folders where they were asked for, and where the image says", async () => {
    const folder = { path: "/data", mode: 0o700, uid: 1000, gid: 50 };
    const script =
      "touch /x 2>&1; echo y > /data/y; echo z > /t/z; cat /data/old; cp /bin/busybox /data/busybox && /data/busybox ls -l / | grep data";
    const text = await runScript(
      script,
      { profile: "strict", userns: "host", user: "app", mounts: [{ type: "tmpfs", destination: "/t", size: 4096 }] },
      {
        context: {
          config: { Volumes: { "/../link": {} } },
          facts: {
            architecture: "amd64",
            accounts: { passwd: "app:x:1000:1000::/:/bin/sh\n", group: "" },
            highestOwner: 1000,
            oddities: [],
            linkedAccounts: [],
            links: new Map([["/link", "data"]]),
            hasWorkingDir: true,
            hugeAccounts: [],
            volumes: [folder],
          },
        },
        prepare: (root) => {
          mkdirSync(join(root, "data"), { mode: 0o700 });
          execFileSync("chown", ["1000:50", join(root, "data")]);
          writeFileSync(join(root, "data/old"), "old\n");
        },
      },
    );
    expect(text).toContain("/x: Read-only file system");
    expect(text).toMatch(/^old\ndrwx------.* 1000 +50 .* data$/m);
  });

  test("a tmpfs is as large as it was asked for, and nothing in it is executed", async () => {
    const spec: RunSpec = { mounts: [{ type: "tmpfs", destination: "/t", size: 8192 }] };
    const text = await runScript("dd if=/dev/zero of=/t/big bs=1k count=100 2>&1; mount | grep ' /t '", spec);
    expect(text).toContain("No space left on device");
    expect(text).toMatch(/tmpfs on \/t type tmpfs \(rw,nosuid,nodev,noexec,.*size=8k/);
    const shm = await runScript("df -k /dev/shm", { shmSize: 2 ** 20 });
    expect(shm).toMatch(/shm\s+1024/);
  });

  test("a read-only bind is so with what the host has mounted below it", async () => {
    // Two file systems on every machine.
    const bind = { type: "bind", source: "/dev", destination: "/host" } as const;
    const script = "touch /host/lading-test 2>&1; touch /host/shm/lading-test 2>&1; true";
    const text = await runScript(script, { mounts: [{ ...bind, readonly: true }] });
    expect(text.match(/Read-only file system/g)).toHaveLength(2);
  });

  test("volumes and files are mounted from where they are", async () => {
    await using folder = await temporaryFolder();
    writeFileSync(join(folder.path, "text"), "kept\n");
    const spec: RunSpec = { mounts: [{ type: "volume", name: "v", destination: "/v" }] };
    const text = await runScript("cat /v/text /etc/hosts; touch /v/new", spec, {
      place: { volumes: { v: folder.path }, files: { "/etc/hosts": join(folder.path, "text") } },
    });
    expect(text).toBe("kept\nkept");
    expect(existsSync(join(folder.path, "new"))).toBe(true);
  });
});
