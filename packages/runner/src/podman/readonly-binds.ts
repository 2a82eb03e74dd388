import { readFile } from "node:fs/promises";
import type { PlannedMount } from "../container-plan.ts";
import { RunnerError } from "../errors.ts";
import { parseMountInfo, visibleMounts } from "../host/mount-info.ts";
import { isWithin } from "../image/paths.ts";

/**
 * Refuses read-only binds of folders that the host has something mounted below: podman makes the folder
 * read-only and leaves that writable, since it does not know runtimes' `rro`. Throws RunnerError UNSUPPORTED.
 */
export async function refuseMountsBelow(mounts: readonly PlannedMount[]): Promise<void> {
  const binds = mounts.filter((mount) => mount.type === "bind" && mount.readonly);
  if (binds.length === 0) return;
  const there = visibleMounts(parseMountInfo(await readFile("/proc/self/mountinfo")));
  for (const mount of binds) {
    if (mount.type !== "bind") continue;
    const below = there.find(({ destination }) => destination !== mount.source && isWithin(destination, mount.source));
    if (below !== undefined)
      throw new RunnerError(
        "UNSUPPORTED",
        `Cannot mount "${mount.source}" read-only with podman: "${below.destination}" is mounted below it, and would be writable`,
        { hint: "Mount what is needed of it, or use another engine" },
      );
  }
}
