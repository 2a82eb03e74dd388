import { chownSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readHost } from "./read-host.ts";
import {
  hybridMachine,
  legacyMachine,
  type Recording,
  recordedMachine,
  unifiedMachine,
} from "./recorded-machine.suite.ts";

const everything = ["memory", "cpu", "cpuset", "pids"];

test("on pure v2 root limits with every controller that the root has", async () => {
  await using machine = await recordedMachine(unifiedMachine);
  expect(readHost({ ...machine, uid: 0 })).toMatchObject({
    cgroups: "v2",
    hybridControllers: undefined,
    limits: everything,
    systemd: true,
    hardLimits: { nofile: 524_288, nproc: 63_304, cpu: -1 },
    namespaces: ["net", "time", "user", "uts"],
    userNamespaces: "available",
  });
});

test("what tells of the processors' heat is found, a folder a processor", async () => {
  await using machine = await recordedMachine(unifiedMachine, {
    "sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count": "0\n",
    "sys/devices/system/cpu/cpu11/thermal_throttle/core_throttle_count": "0\n",
    "sys/devices/system/cpu/cpu2/online": "1\n",
    "sys/devices/system/cpu/cpufreq/boost": "1\n",
  });
  expect(readHost({ ...machine, uid: 0 }).thermalThrottle.toSorted()).toEqual([
    "/sys/devices/system/cpu/cpu0/thermal_throttle",
    "/sys/devices/system/cpu/cpu11/thermal_throttle",
  ]);
});

test("on v1 root limits with what is mounted, others with nothing", async () => {
  await using machine = await recordedMachine(legacyMachine);
  expect(readHost({ ...machine, uid: 0 })).toMatchObject({
    cgroups: "v1",
    limits: everything,
    userNamespaces: "unavailable",
  });
  expect(readHost({ ...machine, uid: 1000 })).toMatchObject({ limits: [] });
});

test("a v2 hierarchy without controllers beside v1 is in nobody's way", async () => {
  await using machine = await recordedMachine(hybridMachine);
  expect(readHost({ ...machine, uid: 0 })).toMatchObject({
    cgroups: "hybrid",
    hybridControllers: undefined,
    limits: everything,
  });
});

test("one with controllers is told, since crun refuses it", async () => {
  await using machine = await recordedMachine(hybridMachine, {
    "sys/fs/cgroup/unified/cgroup.controllers": "hugetlb\n",
  });
  expect(readHost({ ...machine, uid: 0 })).toMatchObject({
    hybridControllers: "/sys/fs/cgroup/unified",
    limits: everything,
  });
});

test("cgroups that are mounted read-only, as in a container, limit nothing", async () => {
  const mountinfo = (unifiedMachine["proc/self/mountinfo"] ?? "").replace("/sys/fs/cgroup rw,", "/sys/fs/cgroup ro,");
  await using machine = await recordedMachine(unifiedMachine, { "proc/self/mountinfo": mountinfo });
  expect(readHost({ ...machine, uid: 0 }).limits).toEqual([]);
});

// Whoever runs the test owns the recorded files; root gives them away.
const own = process.getuid?.() ?? 0;
const user = own === 0 ? 1000 : own;
const service = `sys/fs/cgroup/user.slice/user-${user}.slice/user@${user}.service`;
const delegated: Recording = {
  [`${service}/cgroup.controllers`]: "memory pids\n",
  [`${service}/cgroup.subtree_control`]: "\n",
  [`${service}/cgroup.procs`]: "",
  [`${service}/cgroup.type`]: "domain\n",
};

test("who is not root limits with what was delegated to him", async () => {
  await using machine = await recordedMachine(unifiedMachine, delegated);
  const folder = join(machine.root, service);
  for (const path of [folder, ...readdirSync(folder).map((name) => join(folder, name))]) chownSync(path, user, -1);
  expect(readHost({ ...machine, uid: user }).limits).toEqual(["memory", "pids"]);
});

test("what another owns is not his to limit with", async () => {
  await using machine = await recordedMachine(unifiedMachine, delegated);
  expect(readHost({ ...machine, uid: user + (user === own ? 1 : 0) }).limits).toEqual([]);
});

test("in a container root makes no controllers below the cgroup that its own processes are in", async () => {
  await using machine = await recordedMachine(unifiedMachine, {
    "sys/fs/cgroup/cgroup.type": "domain\n",
    "sys/fs/cgroup/cgroup.procs": "1\n",
    "sys/fs/cgroup/cgroup.subtree_control": "pids\n",
  });
  expect(readHost({ ...machine, uid: 0 }).limits).toEqual(["pids"]);
});

test.each([
  ["kernel/unprivileged_userns_clone", "0\n", "unavailable"],
  ["kernel/unprivileged_userns_clone", "1\n", "available"],
  ["kernel/apparmor_restrict_unprivileged_userns", "1\n", "profiled"],
  ["user/max_user_namespaces", "0\n", "unavailable"],
] as const)("with %s of %j user namespaces are %s to who is not root", async (name, value, expected) => {
  await using machine = await recordedMachine(unifiedMachine, { [`proc/sys/${name}`]: value });
  expect(readHost({ ...machine, uid: 1000 }).userNamespaces).toBe(expected);
});

test("this machine can be read", () => {
  expect(readHost()).toMatchObject({ uid: own, namespaces: expect.arrayContaining(["net", "user"]) });
});
