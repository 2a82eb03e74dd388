import { existsSync, readdirSync, readFileSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import type { ProcessCgroups } from "../isolation/process-cgroups.ts";

const mountPoint = "/sys/fs/cgroup";

/** The path of a container's cgroup in every hierarchy. */
export function cgroupOf(id: string): string {
  return `/lading-${id}`;
}

/**
 * The cgroups of a container's program, to be asked when it has ended. It may have by now: then they
 * are where the runtime was told to put them.
 */
export async function cgroupsOf(id: string, pid: number): Promise<ProcessCgroups> {
  const { processCgroups } = await import("../isolation/process-cgroups.ts");
  return await processCgroups(membershipsOf(id, pid));
}

function membershipsOf(id: string, pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cgroup`, "utf8");
  } catch {
    return readFileSync("/proc/self/cgroup", "utf8").replaceAll(/^(\d+:[^:]*:).*$/gm, `$1${cgroupOf(id)}`);
  }
}

/**
 * Removes cgroups that a runtime which was killed left behind; with nothing in them, which is for the kernel to say.
 * Whether none is left.
 */
export function removeCgroups(id: string): boolean {
  const unified = existsSync(join(mountPoint, "cgroup.controllers"));
  const hierarchies = unified ? [""] : existsSync(mountPoint) ? readdirSync(mountPoint) : [];
  let isGone = true;
  for (const hierarchy of hierarchies) {
    const folder = join(mountPoint, hierarchy, cgroupOf(id));
    if (!existsSync(folder)) continue;
    try {
      rmdirSync(folder);
    } catch {
      // It is in use still, or this process may not.
      isGone = false;
    }
  }
  return isGone;
}
