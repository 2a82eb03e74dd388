import type { IdRange } from "../run-spec.ts";

/** The kinds of namespaces, as /proc/PID/ns names them; `mnt` is never shared. */
export const namespaceKinds = ["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"] as const;
export type NamespaceKind = (typeof namespaceKinds)[number];

/** One mount of a process, from /proc/PID/mountinfo. */
export interface EffectiveMount {
  readonly destination: string;
  /** `overlay`, `tmpfs`, `proc`. */
  readonly type: string;
  /** Whether it is a part of a file system that lies elsewhere: a file or folder of the host. */
  readonly bind: boolean;
  /** Sorted: of the mount and of its file system; `shared` and `slave` where mounts are passed on. */
  readonly options: readonly string[];
}

/**
 * The isolation that a process has, read from the kernel (/proc/PID and its cgroup) and not from
 * what anybody asked for.
 */
export interface Isolation {
  readonly pid: number;
  /** Each: the inode, and whether that is this process's own, which is called the host's. */
  readonly namespaces: Readonly<
    Partial<Record<NamespaceKind, { readonly inode: number; readonly source: "host" | "private" }>>
  >;
  readonly uidMap: readonly IdRange[];
  readonly gidMap: readonly IdRange[];
  /** In the container's own numbers. */
  readonly user: { readonly uid: number; readonly gid: number; readonly groups: readonly number[] };
  /** Names of capabilities(7), sorted by number. */
  readonly capabilities: Readonly<
    Record<"effective" | "permitted" | "inheritable" | "bounding" | "ambient", readonly string[]>
  >;
  readonly noNewPrivileges: boolean;
  readonly seccomp: "disabled" | "strict" | "filter";
  /** Soft and hard; -1 is unlimited. */
  readonly rlimits: Readonly<Record<string, { readonly soft: number; readonly hard: number }>>;
  /** Of its cgroup and those above it, the tightest. */
  readonly limits: {
    /** Bytes; undefined: none. */
    readonly memory: number | undefined;
    /** Bytes of both together. */
    readonly memorySwap: number | undefined;
    readonly cpus: number | undefined;
    readonly cpuset: string | undefined;
    readonly pids: number | undefined;
  };
  /** `path`: in the hierarchy that limits memory. */
  readonly cgroup: { readonly version: "v1" | "v2" | "hybrid"; readonly path: string };
  readonly readonlyRoot: boolean;
  readonly mounts: readonly EffectiveMount[];
  /** What the profile's paths look like now. */
  readonly maskedPaths: readonly string[];
  readonly readonlyPaths: readonly string[];
  readonly oomScoreAdj: number;
  /** What this process may not read of the other, and so is empty above, one line each: `ns: EACCES`. */
  readonly unreadable: readonly string[];
}
