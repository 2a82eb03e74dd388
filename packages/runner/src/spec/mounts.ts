import { statSync } from "node:fs";
import { type ContainerPlan, initPath, type PlannedDevice, type PlannedMount } from "../container-plan.ts";
import { RunnerError } from "../errors.ts";
import { isWithin } from "../image/paths.ts";
import type { RuntimePlace } from "../runtime-spec.ts";
import type { Namespaces } from "./namespaces.ts";

/** A mount of a runtime spec (config.md §Mounts). */
export interface Mount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

const safe = ["nosuid", "noexec", "nodev"] as const;

/** Everything that is mounted, in an order in which nothing hides what came before. */
export function mountsOf(plan: ContainerPlan, place: RuntimePlace, namespaces: Namespaces): readonly Mount[] {
  const asked = plan.mounts.map((mount) => mountOf(mount, place));
  const given = [
    ...Object.entries(place.files).map(([destination, source]) =>
      bind(source, destination, plan.readonlyRoot ? [...safe, "ro"] : ["rw"]),
    ),
    ...(plan.init === undefined ? [] : [bind(plan.init, initPath, ["ro", "nosuid", "nodev"])]),
    ...(namespaces.maps === undefined ? [] : plan.devices.map(deviceNode)),
  ].filter(({ destination }) => !asked.some((mount) => mount.destination === destination));
  const usual = usualMounts(plan, place, namespaces).filter(
    ({ destination }) => !asked.some((mount) => isWithin(destination, mount.destination)),
  );
  return [...usual, ...[...given, ...asked].toSorted((a, b) => (a.destination < b.destination ? -1 : 1))];
}

/** What the kernel mounts only for who owns the namespace in question comes from the host instead (user_namespaces(7)). */
function usualMounts(
  plan: ContainerPlan,
  place: RuntimePlace,
  { origins, maps, foreignNetwork }: Namespaces,
): readonly Mount[] {
  // Whoever is joined for both has made one in the other.
  const foreign = (kind: "pid" | "ipc"): boolean =>
    maps !== undefined && (origins[kind] === "host" || (origins[kind] !== "new" && origins.user === "new"));
  if (foreign("pid") && origins.pid !== "host")
    throw new RunnerError(
      "UNSUPPORTED",
      "Cannot see the processes of another container from a user namespace of its own: the kernel gives no /proc for that",
      { hint: "Join its user namespace too, or leave the user namespace out" },
    );
  // Of a group that is not mapped, devpts cannot be mounted.
  const tty =
    maps === undefined
      ? place.singleId !== true
      : maps.gidMap.some(({ containerId, size }) => containerId <= 5 && 5 < containerId + size);
  return [
    foreign("pid")
      ? bind("/proc", "/proc", [...safe])
      : { destination: "/proc", type: "proc", source: "proc", options: [...safe] },
    {
      destination: "/dev",
      type: "tmpfs",
      source: "tmpfs",
      options: ["nosuid", "noexec", "strictatime", "mode=755", "size=65536k"],
    },
    {
      destination: "/dev/pts",
      type: "devpts",
      source: "devpts",
      options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", ...(tty ? ["gid=5"] : [])],
    },
    sharedMemory(plan, place, origins),
    ...(foreign("ipc") ? [] : [{ destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: [...safe] }]),
    foreignNetwork
      ? bind("/sys", "/sys", [...safe, "ro", "rro"])
      : { destination: "/sys", type: "sysfs", source: "sysfs", options: [...safe, "ro"] },
    ...(place.cgroupsPath === undefined
      ? []
      : [{ destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: [...safe, "relatime", "ro"] }]),
  ];
}

function sharedMemory(plan: ContainerPlan, place: RuntimePlace, origins: Namespaces["origins"]): Mount {
  const source = place.sharedMemory ?? (origins.ipc === "host" ? "/dev/shm" : undefined);
  return source === undefined
    ? {
        destination: "/dev/shm",
        type: "tmpfs",
        source: "shm",
        options: [...safe, "mode=1777", `size=${plan.shmSize}`],
      }
    : bind(source, "/dev/shm", [...safe]);
}

function mountOf(mount: PlannedMount, place: RuntimePlace): Mount {
  const { destination } = mount;
  if (mount.type === "tmpfs")
    return {
      destination,
      type: "tmpfs",
      source: "tmpfs",
      options: [
        ...mount.options,
        `mode=${mount.mode.toString(8)}`,
        ...(mount.size === undefined ? [] : [`size=${mount.size}`]),
      ],
    };
  // `ro` is of the mount itself, `rro` of what the host has mounted below it as well. crun 1.8 takes a file with the
  // latter for a folder, and fails.
  const readonly = mount.type === "bind" && isFile(mount.source) ? ["ro"] : ["ro", "rro"];
  const access = mount.readonly ? readonly : ["rw"];
  if (mount.type === "bind")
    return { destination, type: "bind", source: mount.source, options: ["rbind", mount.propagation, ...access] };
  const folder = place.volumes?.[mount.name];
  if (folder === undefined) throw new RunnerError("ENGINE", `Cannot mount volume "${mount.name}": it has no folder`);
  return bind(folder, destination, access);
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === false;
}

/** In a user namespace there is no mknod(2): the host's own node is mounted. */
function deviceNode({ source, destination }: PlannedDevice): Mount {
  return { destination, type: "bind", source, options: ["bind", "rprivate", "nosuid", "noexec"] };
}

function bind(source: string, destination: string, options: readonly string[]): Mount {
  return { destination, type: "bind", source, options: ["rbind", "rprivate", ...options] };
}

/** What the root's mount must pass on for binds to (mount_namespaces(7)); undefined: nothing. */
export function rootPropagation(mounts: readonly PlannedMount[]): "rshared" | "rslave" | undefined {
  const asked = mounts.flatMap((mount) => (mount.type === "bind" ? [mount.propagation] : []));
  if (asked.some((each) => each === "shared" || each === "rshared")) return "rshared";
  return asked.some((each) => each === "slave" || each === "rslave") ? "rslave" : undefined;
}
