import type { ContainerStats } from "../engine.ts";
import { memoryLimit } from "./read-limits.ts";
import { type ProcessCgroups, processCgroups } from "./process-cgroups.ts";
import { ProcessFolder } from "./process-folder.ts";

/**
 * What the cgroup of a process, and so its container, uses. Throws RunnerError STATE when the process
 * has ended. What no controller counts is 0. `root`: where /proc and /sys are.
 */
export async function readStats(pid: number, { root = "/" }: { readonly root?: string } = {}): Promise<ContainerStats> {
  using process = new ProcessFolder(pid, root);
  using self = new ProcessFolder("self", root);
  const [links, own, devices, cgroup] = await Promise.all([
    process.links("ns"),
    self.links("ns"),
    process.text("net/dev"),
    process.text("cgroup"),
    process.status(),
  ]);
  const cgroups = await processCgroups(cgroup, root);
  const [cpu, memory, limit, pids, block] = await Promise.all([
    cpuTime(cgroups),
    memoryInUse(cgroups),
    memoryLimit(cgroups),
    cgroups.read("pids", "pids.current"),
    blockTraffic(cgroups),
  ]);
  await process.status();
  const { net } = links;
  return {
    at: Date.now(),
    cpu,
    memory,
    memoryLimit: limit,
    pids: Number(pids ?? 0),
    network: net === undefined || net === own["net"] ? undefined : parseTraffic(devices),
    block,
  };
}

async function cpuTime(cgroups: ProcessCgroups): Promise<number> {
  if (cgroups.versionOf("cpuacct") === 1) return Number((await cgroups.read("cpuacct", "cpuacct.usage")) ?? 0);
  return 1000 * (field(await cgroups.read("cpu", "cpu.stat"), "usage_usec") ?? 0);
}

/** Without the part of the page cache that is not in use, as docker counts it. */
async function memoryInUse(cgroups: ProcessCgroups): Promise<number> {
  const v1 = cgroups.versionOf("memory") === 1;
  const [usage, stat] = await Promise.all([
    cgroups.read("memory", v1 ? "memory.usage_in_bytes" : "memory.current"),
    cgroups.read("memory", "memory.stat"),
  ]);
  const cache = field(stat, v1 ? "total_inactive_file" : "inactive_file") ?? 0;
  return Math.max(0, Number(usage ?? 0) - cache);
}

async function blockTraffic(cgroups: ProcessCgroups): Promise<ContainerStats["block"]> {
  if (cgroups.versionOf("blkio") !== 1) {
    const text = (await cgroups.read("io", "io.stat")) ?? "";
    return { read: sum(text, /\brbytes=(\d+)/g), written: sum(text, /\bwbytes=(\d+)/g) };
  }
  // The throttle counts whatever the scheduler of the disk is.
  const text = (await cgroups.read("blkio", "blkio.throttle.io_service_bytes_recursive")) ?? "";
  return { read: sum(text, /^\d+:\d+ Read (\d+)$/gm), written: sum(text, /^\d+:\d+ Write (\d+)$/gm) };
}

/** Bytes over every interface but the loopback, from /proc/PID/net/dev. */
function parseTraffic(text: string): { readonly received: number; readonly sent: number } {
  const counts = text.split("\n").flatMap((line) => {
    const [, name, numbers] = /^\s*([^:|]+):(.*)$/.exec(line) ?? [];
    return name === undefined || name === "lo" ? [] : [(numbers ?? "").trim().split(/\s+/).map(Number)];
  });
  const total = (column: number): number => counts.reduce((sum, count) => sum + (count[column] ?? 0), 0);
  return { received: total(0), sent: total(8) };
}

function field(text: string | undefined, name: string): number | undefined {
  const value = new RegExp(`^${name} (\\d+)$`, "m").exec(text ?? "")?.[1];
  return value === undefined ? undefined : Number(value);
}

function sum(text: string, pattern: RegExp): number {
  return [...text.matchAll(pattern)].reduce((total, match) => total + Number(match[1]), 0);
}
