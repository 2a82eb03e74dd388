import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type CgroupFolder,
  cgroupFolder,
  type CgroupMembership,
  type CgroupVersion,
  cgroupVersion,
  parseMemberships,
} from "../host/cgroups.ts";
import { type MountInfo, parseMountInfo } from "../host/mount-info.ts";

/**
 * The cgroups of a process as they were when it was asked for, on v1, v2 and both. What they say
 * can be read for as long as the folders are there, also when the process has ended.
 */
export class ProcessCgroups {
  readonly version: CgroupVersion;
  /** The path in the hierarchy that limits memory. */
  readonly path: string;
  readonly #memberships: readonly CgroupMembership[];
  readonly #mounts: readonly MountInfo[];
  readonly #root: string;

  constructor(memberships: readonly CgroupMembership[], mounts: readonly MountInfo[], root = "/") {
    const of = (controller: string): CgroupMembership | undefined =>
      memberships.find(({ controllers }) => controllers.includes(controller));
    this.version = cgroupVersion(memberships, mounts);
    const unified = memberships.find(({ controllers }) => controllers.length === 0);
    this.path = (of("memory") ?? of("pids") ?? unified)?.path ?? "/";
    this.#memberships = memberships;
    this.#mounts = mounts;
    this.#root = root;
  }

  /** 1 or 2 for the hierarchy that has `controller`; undefined when none is mounted that shows the process. */
  versionOf(controller: string): 1 | 2 | undefined {
    return this.#folder(controller)?.version;
  }

  /** A file of the cgroup: `pids.max`. undefined where there is none, or it may not be read. */
  async read(controller: string, file: string): Promise<string | undefined> {
    const found = this.#folder(controller);
    return found === undefined ? undefined : readText(join(this.#root, found.folder, file));
  }

  /** The same file of the cgroup and of each above it, itself first; those without it are left out. */
  async readUpwards(controller: string, file: string): Promise<readonly string[]> {
    const found = this.#folder(controller);
    const texts: string[] = [];
    if (found === undefined) return texts;
    for (let folder = found.folder; ; folder = join(folder, "..")) {
      const text = await readText(join(this.#root, folder, file));
      if (text !== undefined) texts.push(text);
      if (folder.length <= found.top.length) return texts;
    }
  }

  /** Whether the kernel has ended a process of the cgroup for want of memory; false when the cgroup is gone. */
  async oomKilled(): Promise<boolean> {
    const file = this.versionOf("memory") === 1 ? "memory.oom_control" : "memory.events";
    const count = /^oom_kill (\d+)$/m.exec((await this.read("memory", file)) ?? "")?.[1];
    return count !== undefined && count !== "0";
  }

  #folder(controller: string): CgroupFolder | undefined {
    return cgroupFolder(controller, this.#memberships, this.#mounts);
  }
}

/** From the text of the process's /proc/PID/cgroup and this process's own mounts. `root`: where /proc and /sys are. */
export async function processCgroups(cgroup: string, root = "/"): Promise<ProcessCgroups> {
  const mounts = await readFile(join(root, "proc/self/mountinfo"));
  return new ProcessCgroups(parseMemberships(cgroup), parseMountInfo(mounts), root);
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, "utf8")).trim();
  } catch {
    return undefined;
  }
}
