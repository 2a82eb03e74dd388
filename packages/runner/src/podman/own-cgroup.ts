import { readFile } from "node:fs/promises";
import { processCgroups } from "../isolation/process-cgroups.ts";
import { parentOf } from "../runc/terminal.ts";

/** Whether a container's program is in another cgroup than conmon, its parent: without root podman may have none to give. */
export async function hasOwnCgroup(pid: number): Promise<boolean> {
  const parent = await parentOf(pid);
  if (parent === undefined) return true;
  const [own, others] = await Promise.all([pathOf(pid), pathOf(parent)]);
  return own !== others;
}

async function pathOf(pid: number): Promise<string> {
  return (await processCgroups(await readFile(`/proc/${pid}/cgroup`, "utf8"))).path;
}
