import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { type Recording, legacyMachine, recordedMachine, unifiedMachine } from "../host/recorded-machine.suite.ts";
import { compareIsolation } from "./compare-isolation.ts";
import { readIsolation } from "./read-isolation.ts";

const process42: Recording = {
  "proc/42/status": "State:\tS (sleeping)\nUid:\t101000\t101000\t0\t0\nGid:\t5\t5\t5\t5\nGroups:\t100010 65534\n",
  "proc/42/ns/net": "-> net:[4026532180]",
  "proc/42/ns/user": "-> user:[4026532177]",
  "proc/42/ns/uts": "-> uts:[4026531838]",
  "proc/42/uid_map": "         0     100000      65536\n",
  "proc/42/gid_map": "         0     100000      65536\n",
  "proc/42/limits":
    "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024                 unlimited            files     \n",
  "proc/42/mountinfo": "65 43 0:9 / / rw,relatime - overlay overlay rw,lowerdir=/a,upperdir=/b,workdir=/c\n",
  "proc/42/oom_score_adj": "100\n",
  "proc/self/ns/net": "-> net:[4026531833]",
  "proc/self/ns/user": "-> user:[4026531837]",
  "proc/self/ns/uts": "-> uts:[4026531838]",
};

test("limits of v2 hold whichever cgroup on the way down has them", async () => {
  await using machine = await recordedMachine(unifiedMachine, process42);
  expect(await readIsolation(42, machine)).toMatchObject({
    cgroup: { version: "v2", path: "/machine.slice/libpod-8f3c.scope/container" },
    limits: { memory: 67_108_864, memorySwap: 67_108_864, cpus: 0.5, cpuset: "0-1", pids: 2048 },
  });
});

test("v1 says in its own ways that there is no limit", async () => {
  await using machine = await recordedMachine(legacyMachine, process42);
  expect(await readIsolation(42, machine)).toMatchObject({
    cgroup: { version: "v1", path: "/docker/5d1e" },
    limits: { memory: 134_217_728, memorySwap: 268_435_456, cpus: 1.5, cpuset: undefined, pids: undefined },
  });
});

test("ids are told in the container's own numbers, those that it has none for as they are", async () => {
  await using machine = await recordedMachine(unifiedMachine, process42);
  const isolation = await readIsolation(42, machine);
  expect(isolation).toMatchObject({
    user: { uid: 1000, gid: 5, groups: [10, 65_534] },
    uidMap: [{ containerId: 0, hostId: 100_000, size: 65_536 }],
    rlimits: { nofile: { soft: 1024, hard: -1 } },
    oomScoreAdj: 100,
  });
  expect(isolation.namespaces).toEqual({
    net: { inode: 4_026_532_180, source: "private" },
    user: { inode: 4_026_532_177, source: "private" },
    uts: { inode: 4_026_531_838, source: "host" },
  });
});

test("a process that is not there any more has no isolation", async () => {
  const child = spawn("true");
  await once(child, "close");
  await expect(readIsolation(child.pid ?? 0)).rejects.toMatchObject({
    code: "STATE",
    message: `Cannot look into process ${child.pid}: it has ended`,
  });
});

test("a process that has ended but that nobody waited for has no isolation either", async () => {
  // The shell's child ends at once, and becomes that of a program that never waits.
  const parent = spawn("sh", ["-c", "true & echo $!; exec sleep 100"], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    const pid = Number((await once(parent.stdout, "data")).toString());
    await expect
      .poll(async () =>
        readIsolation(pid).then(
          () => "runs",
          (error: { code?: string }) => error.code,
        ),
      )
      .toBe("STATE");
  } finally {
    parent.kill("SIGKILL");
  }
});

test("this process has the host's namespaces, and is isolated as itself", async () => {
  const isolation = await readIsolation(process.pid);
  expect(Object.values(isolation.namespaces).map(({ source }) => source)).not.toContain("private");
  expect(isolation.user.uid).toBe(process.getuid?.());
  expect(isolation.unreadable).toEqual([]);
  expect(compareIsolation(isolation, await readIsolation(process.pid))).toEqual([]);
});

const flags = ["--user", "--map-root-user", "--mount", "--uts", "--ipc", "--net", "--fork", "--kill-child"];
const unshares = spawnSync("unshare", [...flags, "true"]).status === 0;

test.runIf(unshares)("namespaces, ids and mounts that a program has of its own are read from the kernel", async () => {
  const script =
    "mount -t tmpfs -o ro,size=4k over /proc/bus && mount --bind /dev/null /proc/keys && mount --bind -o ro /proc/sys /proc/sys && echo ready $$ && exec sleep 100";
  const child = spawn("unshare", [...flags, "sh", "-c", script], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    const line = String(await once(child.stdout, "data"));
    const isolation = await readIsolation(Number(line.trim().split(" ")[1]));
    const sources = Object.fromEntries(
      Object.entries(isolation.namespaces).map(([kind, { source }]) => [kind, source]),
    );
    expect(sources).toMatchObject({
      mnt: "private",
      uts: "private",
      ipc: "private",
      net: "private",
      user: "private",
      pid: "host",
    });
    expect(isolation.user).toMatchObject({ uid: 0, gid: 0 });
    expect(isolation.uidMap).toEqual([{ containerId: 0, hostId: process.getuid?.(), size: 1 }]);
    expect(isolation.maskedPaths).toEqual(["/proc/bus", "/proc/keys"]);
    expect(isolation.readonlyPaths).toContain("/proc/sys");
    expect(compareIsolation(await readIsolation(process.pid), isolation, { names: ["host", "program"] })).toEqual(
      expect.arrayContaining([
        "net namespace: host with host, private with program",
        "mount /proc/bus: only with program",
      ]),
    );
  } finally {
    child.kill("SIGKILL");
  }
});

test.runIf(process.getuid?.() === 0)("whoever may not read it is told so", async () => {
  const script = `import { readIsolation } from ${JSON.stringify(new URL("read-isolation.ts", import.meta.url).href)};
    const { unreadable, mounts, rlimits } = await readIsolation(${process.pid});
    console.log(JSON.stringify({ unreadable, mounts, nofile: rlimits.nofile }));`;
  const { stdout, stderr } = spawnSync(
    "setpriv",
    [
      "--reuid=65534",
      "--regid=65534",
      "--clear-groups",
      "--inh-caps=-all",
      process.execPath,
      "-C",
      "@lading/source",
      "--input-type=module",
      "-e",
      script,
    ],
    { encoding: "utf8" },
  );
  expect(stderr).toBe("");
  expect(JSON.parse(stdout)).toMatchObject({
    unreadable: expect.arrayContaining(["ns: EACCES"]),
    nofile: { soft: expect.any(Number) },
  });
});
