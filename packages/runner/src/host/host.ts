import type { CgroupVersion } from "./cgroups.ts";

/** A kind of limit that cgroups enforce. */
export type LimitKind = "memory" | "cpu" | "cpuset" | "pids";

/** What the kernel and the machine allow, whatever engine is asked. */
export interface Host {
  /** Numbers of the caller. */
  readonly uid: number;
  readonly gid: number;
  readonly cgroups: CgroupVersion;
  /** Where a v2 hierarchy with controllers of its own is mounted beside v1; undefined when there is none. crun refuses to work there. */
  readonly hybridControllers: string | undefined;
  /** What this process may limit for others: `cgroupLimits`. */
  readonly limits: readonly LimitKind[];
  readonly systemd: boolean;
  /** What this process may give to others (CapBnd), as CAP_ names. */
  readonly capabilities: readonly string[];
  /** The hard limits of this process by lower-case name; -1 is unlimited. Without CAP_SYS_RESOURCE nothing exceeds them. */
  readonly hardLimits: Readonly<Record<string, number>>;
  /** Kinds of namespaces that /proc/self/ns has. */
  readonly namespaces: readonly string[];
  /** Folders of /sys that tell how hot its processors are, and so what others compute on them. */
  readonly thermalThrottle: readonly string[];
  /**
   * Whether this process can make user namespaces. `profiled`: AppArmor gives capabilities in them only
   * to programs that have a profile which says so (Ubuntu from 23.10 on, for whoever is not root).
   */
  readonly userNamespaces: "available" | "profiled" | "unavailable";
}
