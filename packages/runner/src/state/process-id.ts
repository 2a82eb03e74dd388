import { readFileSync } from "node:fs";
import { processStat } from "./process-stat.ts";

/** A process, told apart from a later one of the same number. */
export interface ProcessId {
  readonly pid: number;
  /** The boot's ID and the clock ticks at its start (/proc/PID/stat, field 22). */
  readonly start: string;
}

/** Which process has this number now; undefined when none has, or only the remains of one (a zombie). */
export function processId(pid: number = process.pid): ProcessId | undefined {
  const stat = processStat(pid);
  return stat === undefined ? undefined : { pid, start: `${bootId()}:${stat[19] ?? ""}` };
}

/** Whether that very process still runs. */
export function isAlive(process: ProcessId | undefined): process is ProcessId {
  return process !== undefined && processId(process.pid)?.start === process.start;
}

let boot: string | undefined;

function bootId(): string {
  boot ??= readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
  return boot;
}
