import type { SeccompProfile } from "./security/seccomp.ts";
import type { ProfileName } from "./security/profile.ts";

/*
 * What people ask for, in the words of docker and podman. Everything is optional: what is left out
 * comes from the image, then from the profile. Nothing here is an engine's; `planContainer` turns
 * it into a plan that leaves nothing open.
 */

/** Where a namespace comes from: a new one, the host's, another container's (ID or name), or a file such as /proc/1/ns/ipc. */
export type NamespaceSource = "private" | "host" | { readonly container: string } | { readonly path: string };

/** `none`: a loopback interface and nothing else. `bridge`: an address of its own behind the host's. */
export type NetworkSource = "none" | "bridge" | "host" | { readonly container: string } | { readonly path: string };

/** One range of a mapping of ids (user_namespaces(7)). */
export interface IdRange {
  readonly containerId: number;
  readonly hostId: number;
  readonly size: number;
}

/**
 * `host`: the ids of whoever runs the engine. `auto`: 65536 ids that no other container of this
 * machine has. `keep-id`: the user who calls has the same ids inside, and the program has that user's
 * group beside its own, whoever it runs as (rootless engines).
 */
export type UserNamespaceSource =
  | "host"
  | "auto"
  | "keep-id"
  | { readonly uidMap: readonly IdRange[]; readonly gidMap: readonly IdRange[] };

/** A file or folder of the host in the container. */
export interface BindMount {
  readonly type: "bind";
  /** Absolute, on the host; it must be there. */
  readonly source: string;
  /** Absolute, in the container. */
  readonly destination: string;
  readonly readonly?: boolean | undefined;
  /** Default: `rprivate`. */
  readonly propagation?: "private" | "rprivate" | "slave" | "rslave" | "shared" | "rshared" | undefined;
}

/** A folder that Lading keeps, by name; made when it is not there, with what the image has at that path. */
export interface VolumeMount {
  readonly type: "volume";
  readonly name: string;
  readonly destination: string;
  readonly readonly?: boolean | undefined;
}

/** A file system in memory. */
export interface TmpfsMount {
  readonly type: "tmpfs";
  readonly destination: string;
  /** Bytes. Default: the kernel's, half of the memory. */
  readonly size?: number | undefined;
  /** Default: 0o1777. */
  readonly mode?: number | undefined;
  /** More of mount(8)'s: `exec`, `uid=1000`. Default: nosuid, nodev, noexec. */
  readonly options?: readonly string[] | undefined;
}

export type MountRequest = BindMount | VolumeMount | TmpfsMount;

/** A port of the host that leads into the container. */
export interface PortMapping {
  /** Default: every address of the host. */
  readonly hostAddress?: string | undefined;
  /** 0: the kernel chooses. */
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: "tcp" | "udp";
}

/** A limit of setrlimit(2); -1 is unlimited. Above the host's hard limit it is clamped to that. */
export interface Ulimit {
  /** Without RLIMIT_, in lower case: `nofile`. */
  readonly name: string;
  readonly soft: number;
  readonly hard: number;
}

/** A device of the host in the container. */
export interface DeviceRequest {
  readonly source: string;
  /** Default: the same path. */
  readonly destination?: string | undefined;
  /** Of r (read), w (write) and m (mknod). Default: all. */
  readonly access?: string | undefined;
}

/** When an ended container starts again. */
export interface RestartPolicy {
  readonly name: "no" | "always" | "on-failure" | "unless-stopped";
  /** Of `on-failure`; 0 is without end. */
  readonly maximum?: number | undefined;
}

/** Limits of the container's cgroup. What the machine cannot enforce is an error, unless `bestEffort`. */
export interface ResourceRequest {
  /** Bytes. */
  readonly memory?: number | undefined;
  /** Bytes of memory and swap together; -1 is unlimited. Default: `memory`, so none of it is swap. */
  readonly memorySwap?: number | undefined;
  /** Bytes; what is left to it when memory is short. */
  readonly memoryReservation?: number | undefined;
  /** Processors, 1.5 for one and a half; at least 0.01. */
  readonly cpus?: number | undefined;
  /** Weight beside others; 1024 is usual. */
  readonly cpuShares?: number | undefined;
  /** Which processors: `0-1,3`. */
  readonly cpuset?: string | undefined;
  /** Processes and threads; -1 is unlimited. Default: 2048. */
  readonly pidsLimit?: number | undefined;
}

/** What to run of an image, and how isolated. */
export interface RunSpec extends ResourceRequest {
  /** Default: made up. */
  readonly name?: string | undefined;
  /** Arguments; they replace the image's Cmd. */
  readonly command?: readonly string[] | undefined;
  /** Replaces the image's Entrypoint, and with it its Cmd. */
  readonly entrypoint?: readonly string[] | undefined;
  /** `NAME=value`, over the image's. */
  readonly env?: readonly string[] | undefined;
  readonly workdir?: string | undefined;
  /** `user`, `user:group`, `uid` or `uid:gid`, found in the image. */
  readonly user?: string | undefined;
  /** More groups, names or numbers of the image. */
  readonly groups?: readonly string[] | undefined;
  /** Default: the first 12 digits of the container's ID. */
  readonly hostname?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;

  /** Default: `default`. */
  readonly profile?: ProfileName | undefined;
  /** Changes the profile's capabilities, as `changeCapabilities` says. */
  readonly capAdd?: readonly string[] | undefined;
  readonly capDrop?: readonly string[] | undefined;
  /** Default: the profile's. */
  readonly noNewPrivileges?: boolean | undefined;
  /** A profile in docker's format, or none. Default: the profile's. */
  readonly seccomp?: SeccompProfile | "unconfined" | undefined;
  /** Paths that look empty, more than the profile's. */
  readonly mask?: readonly string[] | undefined;
  /** Masked and read-only paths of the profile that stay as they are; `ALL` for all. */
  readonly unmask?: readonly string[] | undefined;
  /** Default: the profile's. */
  readonly readonlyRoot?: boolean | undefined;

  /** Default: the profile's; of `bridge`, `none` where the engine has no bridge, and `notes` of the plan say so. */
  readonly network?: NetworkSource | undefined;
  /** Namespaces. Default: private. */
  readonly pid?: NamespaceSource | undefined;
  readonly ipc?: NamespaceSource | undefined;
  readonly uts?: NamespaceSource | undefined;
  readonly cgroup?: "private" | "host" | undefined;
  /** Default: `host`, and a private one where `private` is asked for and the kernel has them (time_namespaces(7)). */
  readonly time?: "private" | "host" | undefined;
  /** Default: the profile's. */
  readonly userns?: UserNamespaceSource | undefined;

  readonly mounts?: readonly MountRequest[] | undefined;
  /** Allow mounts that hand over the host: /, /etc, /proc, /sys, and sockets of engines. Default: false. */
  readonly allowDangerousMounts?: boolean | undefined;
  readonly ports?: readonly PortMapping[] | undefined;
  /** Servers of names, in place of the host's. */
  readonly dns?: readonly string[] | undefined;
  /** `NAME:ADDRESS`, more lines of /etc/hosts; the address may be `host-gateway`. */
  readonly addHosts?: readonly string[] | undefined;
  readonly devices?: readonly DeviceRequest[] | undefined;
  readonly ulimits?: readonly Ulimit[] | undefined;
  readonly sysctls?: Readonly<Record<string, string>> | undefined;
  /** Bytes of /dev/shm. Default: 64 MiB. */
  readonly shmSize?: number | undefined;
  readonly oomScoreAdj?: number | undefined;

  /** Whether the process gets a terminal. */
  readonly terminal?: boolean | undefined;
  /** Whether it has standard input. */
  readonly interactive?: boolean | undefined;
  /** A process 1 that reaps others and passes signals on (tini, catatonit). */
  readonly init?: boolean | undefined;
  readonly restart?: RestartPolicy | undefined;
  /** Default: the image's, else SIGTERM. */
  readonly stopSignal?: string | undefined;
  /** Milliseconds between it and SIGKILL. Default: 10 000. */
  readonly stopTimeout?: number | undefined;
  /** Remove the container when it has ended. Default: false. */
  readonly autoRemove?: boolean | undefined;
  /** Leave out what the machine or the engine cannot do, and say so in `notes`. Default: false, then it is an error. */
  readonly bestEffort?: boolean | undefined;
}
