import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { processStat } from "../state/process-stat.ts";

const forkedWithoutExec = 0x40; // PF_FORKNOEXEC (linux/sched.h)
const patience = 10_000; // milliseconds

/**
 * Waits until the process that a runtime forked for a program has become it, or has ended. Runtimes say
 * that they have started a program a moment before: until it calls execve(2) their process has not all
 * of its isolation, and its arguments and environment are theirs. On a busy machine the moment is long.
 */
export async function untilBegun(pid: number): Promise<void> {
  for (const deadline = Date.now() + patience; Date.now() < deadline; await delay(1)) {
    const stat = processStat(pid);
    if (stat === undefined) return;
    if ((Number(stat[6]) & forkedWithoutExec) === 0 && hasArguments(pid)) return;
  }
}

/** The last that execve(2) sets up. */
function hasArguments(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`).length > 0;
  } catch {
    return false;
  }
}
