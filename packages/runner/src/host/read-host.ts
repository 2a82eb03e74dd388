import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { cgroupLimits } from "./cgroup-limits.ts";
import { cgroupVersion, parseMemberships } from "./cgroups.ts";
import type { Host } from "./host.ts";
import { parseLimits } from "./limits.ts";
import { parseMountInfo } from "./mount-info.ts";
import { parseStatus } from "./process-status.ts";

export interface ReadHostOptions {
  /** Where /proc, /sys and /run are. Default: /. */
  readonly root?: string | undefined;
  /** Default: of this process. */
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
}

/** Asks the kernel; a few small reads below /proc and /sys. */
export function readHost({
  root = "/",
  uid = process.getuid?.() ?? 0,
  gid = process.getgid?.() ?? 0,
}: ReadHostOptions = {}): Host {
  const read = (path: string): string => readFileSync(join(root, path), "utf8");
  // A kernel may have been built without cgroups.
  const memberships = existsSync(join(root, "proc/self/cgroup")) ? parseMemberships(read("proc/self/cgroup")) : [];
  const mounts = parseMountInfo(readFileSync(join(root, "proc/self/mountinfo")));
  const cgroups = cgroupVersion(memberships, mounts);
  const limits = Object.entries(parseLimits(read("proc/self/limits")));
  const unified = mounts.find(({ type }) => type === "cgroup2")?.destination;
  // The size of the file is 0 whatever it holds: only reading tells.
  const controllers = cgroups === "hybrid" && unified !== undefined ? read(`${unified}/cgroup.controllers`) : "";
  return {
    uid,
    gid,
    cgroups,
    hybridControllers: controllers.trim() === "" ? undefined : unified,
    limits: cgroupLimits({ root, uid, memberships, mounts }),
    systemd: existsSync(join(root, "run/systemd/private")),
    capabilities: parseStatus(read("proc/self/status")).capabilities.bounding,
    hardLimits: Object.fromEntries(limits.map(([name, { hard }]) => [name, hard])),
    namespaces: readdirSync(join(root, "proc/self/ns")),
    userNamespaces: userNamespaces(root, uid),
    thermalThrottle: thermalThrottle(root),
  };
}

function thermalThrottle(root: string): readonly string[] {
  const folder = "/sys/devices/system/cpu";
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder))
    .filter((name) => /^cpu\d+$/.test(name))
    .map((name) => `${folder}/${name}/thermal_throttle`)
    .filter((path) => existsSync(join(root, path)));
}

function userNamespaces(root: string, uid: number): Host["userNamespaces"] {
  const sysctl = (name: string): string | undefined => {
    const path = join(root, "proc/sys", name);
    return existsSync(path) ? readFileSync(path, "utf8").trim() : undefined;
  };
  const most = sysctl("user/max_user_namespaces");
  if (most === undefined || most === "0") return "unavailable";
  if (uid === 0) return "available";
  // Debian's own switch, and Ubuntu's.
  if (sysctl("kernel/unprivileged_userns_clone") === "0") return "unavailable";
  return sysctl("kernel/apparmor_restrict_unprivileged_userns") === "1" ? "profiled" : "available";
}
