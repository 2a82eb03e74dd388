import type { ResolvedUser } from "./image/user.ts";
import type {
  BindMount,
  IdRange,
  NamespaceSource,
  NetworkSource,
  PortMapping,
  RestartPolicy,
  TmpfsMount,
  Ulimit,
  VolumeMount,
} from "./run-spec.ts";
import type { Seccomp } from "./security/seccomp.ts";

/*
 * What runs, complete: every engine is told all of it, so that none has a say. A plan is data; it is
 * kept as JSON beside its container, for restarts and for whoever asks later.
 */

/** Names of capabilities(7), sorted by number. */
export interface CapabilitySets {
  readonly bounding: readonly string[];
  /** Effective and permitted. */
  readonly effective: readonly string[];
  /** Ambient and inheritable: what a user other than root was given by name. */
  readonly ambient: readonly string[];
}

/** A device node of the host, with what stat(2) says of it. */
export interface PlannedDevice {
  readonly source: string;
  readonly destination: string;
  readonly type: "c" | "b";
  readonly major: number;
  readonly minor: number;
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Of r, w and m. */
  readonly access: string;
}

export type PlannedMount =
  | (BindMount & { readonly readonly: boolean; readonly propagation: string })
  | (VolumeMount & { readonly readonly: boolean })
  | (TmpfsMount & {
      readonly mode: number;
      /** All of them but size and mode, none contradicting another; `tmpcopyup` is runtimes' word for what the image has there. */
      readonly options: readonly string[];
    });

export interface ContainerPlan {
  /** undefined: made up by whoever creates the container. */
  readonly name: string | undefined;
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly workdir: string;
  readonly user: ResolvedUser;
  /** How many ids, from 0 on, its files, accounts and user take: the least that a user namespace of its own must have. */
  readonly leastIds: number;
  /** undefined: the container's ID; of no effect with `uts` of the host or of another container. */
  readonly hostname: string | undefined;
  readonly labels: Readonly<Record<string, string>>;

  readonly namespaces: {
    readonly network: NetworkSource;
    readonly pid: NamespaceSource;
    readonly ipc: NamespaceSource;
    readonly uts: NamespaceSource;
    readonly cgroup: "private" | "host";
    readonly time: "private" | "host";
    readonly user:
      | "host"
      | "auto"
      | "keep-id"
      | { readonly uidMap: readonly IdRange[]; readonly gidMap: readonly IdRange[] };
  };

  readonly capabilities: CapabilitySets;
  readonly noNewPrivileges: boolean;
  /** As a runtime takes it, for these capabilities and this machine. */
  readonly seccomp: Seccomp | undefined;
  readonly maskedPaths: readonly string[];
  readonly readonlyPaths: readonly string[];
  readonly readonlyRoot: boolean;

  /** Sorted, so that none hides another that is below it. */
  readonly mounts: readonly PlannedMount[];
  readonly devices: readonly PlannedDevice[];
  readonly ports: readonly PortMapping[];
  readonly dns: readonly string[];
  readonly addHosts: readonly string[];
  /** Always nofile and nproc, within the host's limits. */
  readonly ulimits: readonly Ulimit[];
  readonly sysctls: Readonly<Record<string, string>>;
  readonly resources: {
    readonly memory: number | undefined;
    readonly memorySwap: number | undefined;
    readonly memoryReservation: number | undefined;
    readonly cpus: number | undefined;
    readonly cpuShares: number | undefined;
    readonly cpuset: string | undefined;
    /** undefined: unlimited. */
    readonly pids: number | undefined;
  };
  /** Bytes. */
  readonly shmSize: number;
  readonly oomScoreAdj: number | undefined;

  readonly terminal: boolean;
  readonly interactive: boolean;
  /** The host's init program that becomes process 1, at `initPath`. */
  readonly init: string | undefined;
  readonly restart: Required<RestartPolicy>;
  /** SIGTERM and the like. */
  readonly stopSignal: string;
  /** Milliseconds. */
  readonly stopTimeout: number;
  readonly autoRemove: boolean;
  /** What was left out or chosen because of the machine, for people; empty without `bestEffort` but for defaults. */
  readonly notes: readonly string[];
}

/** Where a container has its init program. */
export const initPath = "/run/lading-init";

/** What its first process is begun with: the init program where it has one, then its own arguments. */
export function processArgs({ init, args }: ContainerPlan): readonly string[] {
  return init === undefined ? args : [initPath, "--", ...args];
}
