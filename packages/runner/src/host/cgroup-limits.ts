import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { type CgroupMembership, cgroupFolder } from "./cgroups.ts";
import type { LimitKind } from "./host.ts";
import type { MountInfo } from "./mount-info.ts";

export interface CgroupLimitsOptions {
  /** Where the cgroups are mounted. */
  readonly root: string;
  /** Of who wants to limit. */
  readonly uid: number;
  /** Of this process. */
  readonly memberships: readonly CgroupMembership[];
  readonly mounts: readonly MountInfo[];
}

const kinds: readonly LimitKind[] = ["memory", "cpu", "cpuset", "pids"];

/**
 * What can be limited by making cgroups here. Root can with every controller that is mounted and may
 * be written to; others only on v2, with what was delegated to them (cgroup-v2.rst §Delegation).
 */
export function cgroupLimits(options: CgroupLimitsOptions): readonly LimitKind[] {
  const delegated = unifiedControllers(options);
  return kinds.filter((kind) => {
    const v1 = options.memberships.some(({ controllers }) => controllers.includes(kind));
    return v1 ? options.uid === 0 && isMounted(kind, options.mounts) : delegated.includes(kind);
  });
}

function isMounted(controller: string, mounts: readonly MountInfo[]): boolean {
  return mounts.some(
    ({ type, options, superOptions }) =>
      type === "cgroup" && superOptions.includes(controller) && !options.includes("ro"),
  );
}

/** The controllers of v2 that cgroups which this user makes can have. */
function unifiedControllers({ root, uid, memberships, mounts }: CgroupLimitsOptions): readonly string[] {
  const mount = mounts.find(({ type, options }) => type === "cgroup2" && !options.includes("ro"));
  if (mount === undefined) return [];
  const top = join(root, mount.destination);
  if (uid === 0) return available(top);
  // Where systemd begins a user's services, and else what this process is in.
  const own = cgroupFolder("", memberships, mounts)?.folder;
  const candidates = [
    join(top, `user.slice/user-${uid}.slice/user@${uid}.service`),
    ...(own === undefined ? [] : upwards(join(root, own), top)),
  ];
  const delegated = candidates.filter((folder) => isOwn(folder, uid)).map(available);
  return delegated.toSorted((a, b) => b.length - a.length)[0] ?? [];
}

function* upwards(folder: string, top: string): Generator<string> {
  for (let at = folder; at.length >= top.length; at = join(at, "..")) yield at;
}

/** Who may make cgroups owns the folder and what moves processes and controllers in it. */
function isOwn(folder: string, uid: number): boolean {
  return ["", "cgroup.procs", "cgroup.subtree_control"].every(
    (file) => statSync(join(folder, file), { throwIfNoEntry: false })?.uid === uid,
  );
}

function available(folder: string): readonly string[] {
  const words = (file: string): readonly string[] => {
    const path = join(folder, file);
    return existsSync(path)
      ? readFileSync(path, "utf8")
          .split(/\s+/)
          .filter((word) => word !== "")
      : [];
  };
  // Below a cgroup that has processes there are no controllers, unless it is the root, the one without a type.
  const busy = existsSync(join(folder, "cgroup.type")) && words("cgroup.procs").length > 0;
  return busy ? words("cgroup.subtree_control") : words("cgroup.controllers");
}
