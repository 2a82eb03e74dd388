import type { EngineInfo, RunSpec } from "@lading/runner";
import { readHost } from "@lading/runner";
import { expect, test } from "vitest";
import type { ProbeReport } from "../probe.ts";
import { type Bench, eventually, rejection, watched } from "./bench.ts";

const mebibyte = 1024 * 1024;

/** Limits of the cgroup, of setrlimit(2), and what a container uses. What an engine cannot enforce is refused. */
export function limits(bench: () => Bench): void {
  limitTest("memory", "memory is limited", { memory: 64 * mebibyte }, (report) => {
    expect(control(report, "memory/memory.limit_in_bytes", "memory.max")).toBe(String(64 * mebibyte));
  });

  limitTest("memory", "memory is limited, and swap is not", { memory: 64 * mebibyte, memorySwap: -1 }, (report) => {
    expect(control(report, "memory/memory.limit_in_bytes", "memory.max")).toBe(String(64 * mebibyte));
  });

  limitTest("cpu", "processors are limited", { cpus: 0.5 }, (report) => {
    const quota = report.controls["cpu/cpu.cfs_quota_us"];
    const period = report.controls["cpu/cpu.cfs_period_us"];
    expect(report.controls["cpu.max"] ?? `${quota} ${period}`).toBe("50000 100000");
  });

  limitTest("cpu", "processors are weighed", { cpuShares: 512 }, (report) => {
    // 1 + ((512 - 2) * 9999) / 262142: how runtimes convert shares to weights.
    expect(control(report, "cpu/cpu.shares", "cpu.weight")).toBe(
      report.controls["cpu.weight"] === undefined ? "512" : "20",
    );
  });

  limitTest("cpuset", "processors are chosen", { cpuset: "0" }, (report) => {
    expect(control(report, "cpuset/cpuset.cpus", "cpuset.cpus")).toBe("0");
  });

  limitTest("pids", "processes are limited", { pidsLimit: 40 }, (report) => {
    expect(control(report, "pids/pids.max", "pids.max")).toBe("40");
  });

  /** A limit that is in force where the engine can enforce it, and refused where it cannot. */
  function limitTest(
    kind: EngineInfo["limits"][number],
    name: string,
    spec: RunSpec,
    check: (report: ProbeReport) => void,
  ): void {
    test(`${name}, or that is refused`, async () => {
      if (bench().info.limits.includes(kind)) check(await bench().look(spec));
      else expect(await rejection(bench().look(spec))).toMatchObject({ code: "UNSUPPORTED" });
    });
  }

  test("a program that forks without end stays within its limit", async () => {
    if (!bench().info.limits.includes("pids")) return;

    const { stderr, stdout } = await bench().sh(
      "i=0; while [ $i -lt 60 ]; do sleep 5 & i=$((i+1)); done; echo survived",
      {
        pidsLimit: 20,
      },
    );

    expect(stderr).toContain("fork");
    expect(stdout).not.toContain("survived");
  });

  test("a program that the kernel ends for want of memory says so", async () => {
    if (!bench().info.limits.includes("memory")) return;
    await using container = await bench().create({ command: ["tail", "/dev/zero"], memory: 24 * mebibyte });

    const { code, oomKilled } = await bench().toEnd(container);

    expect({ code, oomKilled }).toEqual({ code: 137, oomKilled: true });
    expect(await container.info()).toMatchObject({ exit: { code: 137, oomKilled: true } });
  });

  test("the limits in force are read back", async () => {
    const { limits: can } = bench().info;
    if (!can.includes("memory") || !can.includes("cpu") || !can.includes("pids")) return;
    await using container = await bench().idle({ memory: 64 * mebibyte, cpus: 1.5, pidsLimit: 50, cpuset: "0" });

    expect((await container.isolation()).limits).toMatchObject({
      memory: 64 * mebibyte,
      cpus: 1.5,
      pids: 50,
      cpuset: "0",
    });
  });

  test("limits of setrlimit(2) are those of the plan, within the host's", async () => {
    const ulimits = [
      { name: "nofile", soft: 100, hard: 200 },
      { name: "core", soft: 0, hard: 0 },
    ];
    const spec = { ulimits, command: ["true"] };

    const report = await bench().look(spec);

    expect(report.limits["Max open files"]).toEqual(["100", "200"]);
    expect(report.limits["Max core file size"]).toEqual(["0", "0"]);
    const processes = bench()
      .plan(spec)
      .ulimits.find(({ name }) => name === "nproc");
    expect(report.limits["Max processes"]).toEqual([String(processes?.soft), String(processes?.hard)]);
  });

  test("without a word the limit of open files is as high as the host lets it", async () => {
    const { limits: inside } = await bench().look();
    const hard = readHost().hardLimits["nofile"] ?? -1;

    const expected = readHost().capabilities.includes("CAP_SYS_RESOURCE") ? 1_048_576 : Math.min(hard, 1_048_576);
    expect(inside["Max open files"]).toEqual([String(expected), String(expected)]);
  });

  test("stats are plausible, and counters grow", async () => {
    const limited = bench().info.limits.includes("memory");
    await using container = await bench().shell(
      "while :; do :; done & dd if=/dev/zero of=/dev/shm/x bs=1M count=8 2>/dev/null; wait",
      limited ? { memory: 64 * mebibyte } : {},
    );
    await container.start(watched);
    if (bench().info.limits.length === 0) {
      // Without a cgroup of its own there is nothing that counts: not what others use.
      await expect(container.stats()).rejects.toMatchObject({ code: "UNSUPPORTED" });
      return;
    }

    const first = await eventually("it has used memory", async () => {
      const stats = await container.stats();
      return stats.memory >= 8 * mebibyte ? stats : undefined;
    });
    // However much else there is to do.
    const second = await eventually("it has used its processors", async () => {
      const stats = await container.stats();
      return stats.cpu - first.cpu > 50_000_000 ? stats : undefined;
    });

    expect(Math.abs(first.at - Date.now())).toBeLessThan(30_000);
    expect(first.memory).toBeLessThan(64 * mebibyte);
    expect(first.memoryLimit).toBe(64 * mebibyte);
    expect(first.pids).toBeGreaterThanOrEqual(2);
    expect(first.pids).toBeLessThan(10);
    expect(first.network).toEqual({ received: 0, sent: 0 });
    expect(second.at).toBeGreaterThan(first.at);
    expect(second.cpu - first.cpu).toBeLessThan((second.at - first.at + 200) * 2_000_000);
  });

  test("without a limit of memory stats name none, and on the host's network no traffic", async () => {
    if (bench().info.limits.length === 0) return;
    await using container = await bench().idle({ network: "host" });

    expect(await container.stats()).toMatchObject({ memoryLimit: undefined, network: undefined });
  });

  test("what does not run has no stats", async () => {
    await using container = await bench().shell("true");

    await expect(container.stats()).rejects.toMatchObject({ code: "STATE" });
  });
}

/** A control file of cgroup v1, or the one of v2 in its place. */
function control(report: ProbeReport, v1: string, v2: string): string | undefined {
  return report.controls[v1] ?? report.controls[v2];
}
