import { isWithin, type MountInfo } from "./mount-info.ts";

/** `hybrid`: controllers are on v1, beside a v2 hierarchy (systemd's name for it). */
export type CgroupVersion = "v1" | "v2" | "hybrid";

/** A line of /proc/PID/cgroup (cgroups(7)): where in one hierarchy a process is. */
export interface CgroupMembership {
  /** Of v1; none is v2. A hierarchy without controllers has `name=…`. */
  readonly controllers: readonly string[];
  /** From the root of the reader's cgroup namespace; what is outside begins with "/..". */
  readonly path: string;
}

export function parseMemberships(text: string): readonly CgroupMembership[] {
  return text.split("\n").flatMap((line) => {
    const [, , controllers, path] = /^(\d+):([^:]*):(\/.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) return [];
    return [
      { controllers: controllers.split(",").filter((name) => name !== ""), path: path.replace(/ \(deleted\)$/, "") },
    ];
  });
}

/** Which of the three a machine is, from what a process is a member of and what is mounted. */
export function cgroupVersion(memberships: readonly CgroupMembership[], mounts: readonly MountInfo[]): CgroupVersion {
  // A v1 hierarchy that only has a name may be mounted on a machine of pure v2, for old programs.
  const v1 = memberships.some(({ controllers }) => controllers.some((name) => !name.startsWith("name=")));
  const v2 = mounts.some(({ type }) => type === "cgroup2");
  return v2 ? (v1 ? "hybrid" : "v2") : "v1";
}

/** A cgroup as a folder. */
export interface CgroupFolder {
  readonly version: 1 | 2;
  readonly folder: string;
  /** The topmost folder of its hierarchy that is mounted here. */
  readonly top: string;
}

/**
 * The folder in which `controller` governs a member; undefined when no mount shows it. Both texts
 * must be read by the same process, since each speaks from the root of the reader's cgroup namespace.
 */
export function cgroupFolder(
  controller: string,
  memberships: readonly CgroupMembership[],
  mounts: readonly MountInfo[],
): CgroupFolder | undefined {
  const v1 = memberships.find(({ controllers }) => controllers.includes(controller));
  const membership = v1 ?? memberships.find(({ controllers }) => controllers.length === 0);
  if (membership === undefined) return undefined;
  for (const { type, root, destination, superOptions } of mounts) {
    if (v1 === undefined ? type !== "cgroup2" : type !== "cgroup" || !superOptions.includes(controller)) continue;
    if (!isWithin(membership.path, root)) continue;
    const below = membership.path.slice(root === "/" ? 0 : root.length).replace(/\/$/, "");
    // Above the mount, the names of folders are not told.
    if (below.split("/").includes("..")) continue;
    return { version: v1 === undefined ? 2 : 1, folder: `${destination}${below}`, top: destination };
  }
  return undefined;
}
