import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { type Recording, legacyMachine, recordedMachine, unifiedMachine } from "../host/recorded-machine.suite.ts";
import { processCgroups } from "./process-cgroups.ts";
import { readStats } from "./read-stats.ts";

const process42: Recording = {
  "proc/42/status": "State:\tS (sleeping)\n",
  "proc/42/ns/net": "-> net:[4026532180]",
  "proc/self/ns/net": "-> net:[4026531833]",
  "proc/42/net/dev": `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     100       1    0    0    0     0          0         0      100       1    0    0    0     0       0          0
  eth0:    2048      20    0    0    0     0          0         0     1024      10    0    0    0     0       0          0
  eth1:1000000000000      20    0    0    0     0          0         0     1       10    0    0    0     0       0          0
`,
};

test("a container of v2 is counted from its own cgroup, its limit from the one that has it", async () => {
  await using machine = await recordedMachine(unifiedMachine, process42);
  expect(await readStats(42, machine)).toEqual({
    at: expect.any(Number),
    cpu: 1_500_000,
    memory: 12_582_912 - 2_097_152,
    memoryLimit: 67_108_864,
    pids: 3,
    network: { received: 1_000_000_002_048, sent: 1025 },
    block: { read: 5120, written: 8192 },
  });
});

test("a container of v1 is counted from each controller's hierarchy", async () => {
  await using machine = await recordedMachine(legacyMachine, process42);
  expect(await readStats(42, machine)).toMatchObject({
    cpu: 1_500_000,
    memory: 10_485_760 - 1_048_576,
    memoryLimit: 134_217_728,
    pids: 2,
    block: { read: 4096, written: 8192 },
  });
});

test("traffic of the host's own network is nobody's", async () => {
  await using machine = await recordedMachine(unifiedMachine, process42, { "proc/self/ns/net": "-> net:[4026532180]" });
  expect((await readStats(42, machine)).network).toBeUndefined();
});

test("this process can be counted", async () => {
  expect(await readStats(process.pid)).toMatchObject({ at: expect.any(Number), network: undefined });
});

test("whether a process was ended for want of memory is asked of its cgroup, also when that is gone", async () => {
  await using unified = await recordedMachine(unifiedMachine);
  await using legacy = await recordedMachine(legacyMachine);
  expect(await isOomKilled(unifiedMachine["proc/42/cgroup"], unified.root)).toBe(true);
  expect(await isOomKilled(legacyMachine["proc/42/cgroup"], legacy.root)).toBe(false);
  expect(await isOomKilled("0::/gone\n", unified.root)).toBe(false);
});

const memory = "/sys/fs/cgroup/memory";

test.runIf(process.getuid?.() === 0 && existsSync(`${memory}/memory.limit_in_bytes`))(
  "a program that takes more than its cgroup has is ended, and its cgroup says so",
  async () => {
    const folder = `${memory}/lading-test-${process.pid}`;
    await mkdir(folder);
    try {
      await writeFile(`${folder}/memory.limit_in_bytes`, "8388608");
      // It waits in its cgroup until it is looked at, and then takes memory without end.
      const script = 'echo $$ >"$1/cgroup.procs" && echo ready && read line && exec tail /dev/zero';
      const child = spawn("sh", ["-c", script, "sh", folder], { stdio: ["pipe", "pipe", "ignore"] });
      const exit = once(child, "exit");
      await once(child.stdout, "data");
      expect(await readStats(child.pid ?? 0)).toMatchObject({ memoryLimit: 8_388_608 });
      const cgroups = await processCgroups(await readFile(`/proc/${child.pid}/cgroup`, "utf8"));
      expect(await cgroups.oomKilled()).toBe(false);
      child.stdin.end("go\n");
      expect(await exit).toEqual([null, "SIGKILL"]);
      expect(await cgroups.oomKilled()).toBe(true);
    } finally {
      await rmdir(folder);
    }
  },
);

async function isOomKilled(cgroup: string | undefined, root: string): Promise<boolean> {
  return (await processCgroups(cgroup ?? "", root)).oomKilled();
}
