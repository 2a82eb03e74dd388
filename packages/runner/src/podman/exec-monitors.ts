import { readdirSync, readFileSync } from "node:fs";

/**
 * Ends the conmon processes that watched over programs beside a container's own, when that has ended
 * and they with it. All that they still do is to wait for five minutes and then forget the program,
 * which podman does with the container.
 */
export function endExecMonitors(containerId: string): void {
  for (const pid of readdirSync("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    const args = argumentsOf(pid);
    const at = args.indexOf("-c");
    if (!(args[0] ?? "").endsWith("conmon") || args[at + 1] !== containerId || !args.includes("--exec-process-spec"))
      continue;
    try {
      process.kill(Number(pid), "SIGKILL");
    } catch {
      // It has ended by itself, or is another user's.
    }
  }
}

function argumentsOf(pid: string): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    return [];
  }
}
