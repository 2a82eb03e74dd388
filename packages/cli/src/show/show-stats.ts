import type { ContainerStats } from "@lading/runner";
import { formatSize } from "../progress/quantity.ts";
import { printable, table } from "../progress/terminal.ts";
import { shownDigits } from "./show-containers.ts";

/** What a container uses, and how much of the processors since the sample before; 100 is one of them. */
export interface Usage {
  readonly id: string;
  readonly name: string;
  readonly cpuPercent: number | undefined;
  readonly stats: ContainerStats;
}

/** The share of one processor between two samples, in percent. */
export function cpuPercent(before: ContainerStats, after: ContainerStats): number | undefined {
  const ms = after.at - before.at;
  return ms <= 0 ? undefined : ((after.cpu - before.cpu) / 1e6 / ms) * 100;
}

/** The table of `stats`, with docker's columns. */
export function showStats(usages: readonly Usage[]): readonly string[] {
  const rows = usages.map(({ id, name, cpuPercent: cpu, stats }) => [
    id.slice(0, shownDigits),
    printable(name),
    percent(cpu),
    `${formatSize(stats.memory)} / ${stats.memoryLimit === undefined ? "∞" : formatSize(stats.memoryLimit)}`,
    percent(stats.memoryLimit === undefined ? undefined : (stats.memory / stats.memoryLimit) * 100),
    stats.network === undefined ? "--" : `${formatSize(stats.network.received)} / ${formatSize(stats.network.sent)}`,
    `${formatSize(stats.block.read)} / ${formatSize(stats.block.written)}`,
    String(stats.pids),
  ]);
  const head = ["CONTAINER ID", "NAME", "CPU %", "MEM USAGE / LIMIT", "MEM %", "NET I/O", "BLOCK I/O", "PIDS"];
  return table([head, ...rows]);
}

function percent(value: number | undefined): string {
  return value === undefined ? "--" : `${value.toFixed(2)}%`;
}
