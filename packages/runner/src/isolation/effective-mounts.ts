import { isWithin, type MountInfo, visibleMounts } from "../host/mount-info.ts";
import type { EffectiveMount, Isolation } from "./isolation.ts";

/** What mounts are to the process that sees them. */
export function effectiveMounts(
  mounts: readonly MountInfo[],
): Pick<Isolation, "mounts" | "readonlyRoot" | "maskedPaths" | "readonlyPaths"> {
  const visible = visibleMounts(mounts).toSorted((a, b) => (a.destination < b.destination ? -1 : 1));
  const inside = visible.filter(({ destination }) => isWithin(destination, "/proc") || isWithin(destination, "/sys"));
  const masked = inside.filter((mount) => isMask(mount, visible));
  return {
    mounts: visible.map(effective),
    readonlyRoot: visible.some((mount) => mount.destination === "/" && isReadonly(mount)),
    maskedPaths: masked.map(({ destination }) => destination),
    readonlyPaths: inside
      .filter((mount) => !masked.includes(mount) && isReadonly(mount) && isPartOfItself(mount, visible))
      .map(({ destination }) => destination),
  };
}

function effective(mount: MountInfo): EffectiveMount {
  const { destination, type, options, superOptions, propagation } = mount;
  const all = new Set([...options, ...superOptions].filter((option) => option !== ""));
  if (isReadonly(mount)) all.delete("rw");
  for (const each of propagation) {
    if (each.startsWith("shared:")) all.add("shared");
    if (each.startsWith("master:")) all.add("slave");
  }
  return { destination, type, bind: isBind(mount), options: [...all].toSorted() };
}

function isReadonly({ options, superOptions }: MountInfo): boolean {
  return options.includes("ro") || superOptions.includes("ro");
}

// The kernel's own: a part of them is a view, not something that lies elsewhere.
const views: ReadonlySet<string> = new Set(["cgroup", "cgroup2", "proc", "sysfs"]);

function isBind({ type, root }: MountInfo): boolean {
  return root !== "/" && !views.has(type);
}

/** Runtimes hide a file under /dev/null and a folder under an empty file system that is read-only (runtime-spec config-linux.md §Masked Paths). */
function isMask(mount: MountInfo, mounts: readonly MountInfo[]): boolean {
  if (mount.root.endsWith("/null") && (mount.type === "devtmpfs" || mount.type === "tmpfs")) return true;
  const holdsOthers = mounts.some((other) => other !== mount && isWithin(other.destination, mount.destination));
  return mount.type === "tmpfs" && isReadonly(mount) && !holdsOthers;
}

/** Whether it lies over the same path of the file system that it is of, which is how a path is made read-only. */
function isPartOfItself({ type, root, destination }: MountInfo, mounts: readonly MountInfo[]): boolean {
  if (root === "/") return false;
  const whole = mounts.find((mount) => mount.type === type && destination === `${mount.destination}${root}`);
  return whole !== undefined;
}
