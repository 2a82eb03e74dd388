import type { ContainerPlan } from "./container-plan.ts";

/** A mount of a runtime spec (config.md §Mounts). */
interface Mount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

const cpuPeriod = 100_000; // microseconds

/**
 * The `config.json` (runtime-spec 1.0) of a container whose root is the folder `root`; its cgroup
 * is `cgroupsPath`. `resolvConf` is the host's, for containers on the host's network.
 */
export function runtimeSpec(
  plan: ContainerPlan,
  { root, cgroupsPath, resolvConf }: { root: string; cgroupsPath: string; resolvConf: string | undefined },
): object {
  const { security, user } = plan;
  const capabilities = [...security.capabilities];
  // Who is not root gets none of them in effect, as execve(2) would have it: only the bounds stay.
  const effective = user.uid === 0 ? capabilities : [];
  return {
    ociVersion: "1.0.2",
    hostname: plan.hostname,
    root: { path: root, readonly: security.readonlyRoot },
    process: {
      terminal: plan.terminal,
      user: { uid: user.uid, gid: user.gid, additionalGids: user.additionalGids, umask: 0o022 },
      args: plan.args,
      env: plan.env,
      cwd: plan.workdir,
      noNewPrivileges: security.noNewPrivileges,
      capabilities: { bounding: capabilities, effective, permitted: effective, inheritable: [], ambient: [] },
    },
    mounts: mounts(plan, resolvConf),
    linux: {
      cgroupsPath,
      namespaces: [
        ...["pid", "ipc", "uts", "mount", "cgroup"].map((type) => ({ type })),
        ...(plan.network === "host" ? [] : [{ type: "network" }]),
      ],
      maskedPaths: security.maskedPaths,
      readonlyPaths: security.readonlyPaths,
      ...(security.seccomp === undefined ? {} : { seccomp: security.seccomp }),
      resources: {
        devices: [{ allow: false, access: "rwm" }],
        pids: { limit: plan.pidsLimit },
        ...(plan.memory === undefined ? {} : { memory: { limit: plan.memory, swap: plan.memory } }),
        ...(plan.cpus === undefined
          ? {}
          : { cpu: { period: cpuPeriod, quota: Math.max(1000, Math.round(plan.cpus * cpuPeriod)) } }),
      },
    },
  };
}

function mounts(plan: ContainerPlan, resolvConf: string | undefined): readonly Mount[] {
  const safe = ["nosuid", "noexec", "nodev"];
  return [
    { destination: "/proc", type: "proc", source: "proc", options: safe },
    {
      destination: "/dev",
      type: "tmpfs",
      source: "tmpfs",
      options: ["nosuid", "strictatime", "mode=755", "size=65536k"],
    },
    {
      destination: "/dev/pts",
      type: "devpts",
      source: "devpts",
      options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
    },
    { destination: "/dev/shm", type: "tmpfs", source: "shm", options: [...safe, "mode=1777", "size=65536k"] },
    { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: safe },
    { destination: "/sys", type: "sysfs", source: "sysfs", options: [...safe, "ro"] },
    { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: [...safe, "relatime", "ro"] },
    ...(resolvConf === undefined ? [] : [bind(resolvConf, "/etc/resolv.conf", true)]),
    ...plan.tmpfs.map((destination) => ({
      destination,
      type: "tmpfs",
      source: "tmpfs",
      options: ["nosuid", "nodev", "mode=1777"],
    })),
    ...plan.mounts.map(({ source, destination, readonly = false }) => bind(source, destination, readonly)),
  ];
}

function bind(source: string, destination: string, readonly: boolean): Mount {
  return { destination, type: "bind", source, options: ["rbind", "rprivate", readonly ? "ro" : "rw"] };
}
