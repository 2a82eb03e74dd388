import { hostname } from "node:os";
import { type ContainerPlan, processArgs } from "./container-plan.ts";
import type { NamespaceKind } from "./isolation/isolation.ts";
import { mountsOf, rootPropagation } from "./spec/mounts.ts";
import { type IdMaps, namespacesOf, namespaceSpec } from "./spec/namespaces.ts";
import { deviceSpec, resourceSpec } from "./spec/resources.ts";
import { rlimitSpec } from "./spec/rlimits.ts";
import type { TerminalSize } from "./supervisor/terminal.ts";

/** What an engine that hands a spec to a runtime adds to a plan: where things are on this machine, and nothing else. */
export interface RuntimePlace {
  /** The folder that is the container's /. */
  readonly root: string;
  /** undefined: no cgroup of its own, where a caller without root can have none. */
  readonly cgroupsPath: string | undefined;
  /** Files that are mounted over the image's, by path in the container: /etc/hosts and the like. */
  readonly files: Readonly<Record<string, string>>;
  /** For namespaces that are not new: the file that stands for each. */
  readonly joined: Readonly<Partial<Record<NamespaceKind, string>>>;
  readonly hostname: string;
  /** What its terminal begins with, where that is known. */
  readonly terminalSize?: TerminalSize | undefined;
  /** The folders of the plan's volumes, by name. */
  readonly volumes?: Readonly<Record<string, string>> | undefined;
  /** The ids of a user namespace that the plan leaves to the engine: `auto`, `keep-id`, and any without root. */
  readonly idMaps?: IdMaps | undefined;
  /** Whether the engine has no id but root's: groups and owners that are not there are left out then. Default: false. */
  readonly singleId?: boolean | undefined;
  /** A folder to mount at /dev/shm in place of a new one: that of the container whose ipc namespace is joined. */
  readonly sharedMemory?: string | undefined;
  /**
   * Whether the network namespace belongs to another user namespace than the container's: then its
   * /sys is the host's, and whoever made the network has set its sysctls. Default: whether the
   * container has a user namespace of its own and its network is not a new one.
   */
  readonly foreignNetwork?: boolean | undefined;
}

/**
 * The `config.json` (runtime-spec 1.0.2, for runc 1.1 and crun 1.8 and what came after them) of a
 * container: the whole plan. Throws RunnerError ENGINE for what `place` lacks.
 */
export function runtimeSpec(plan: ContainerPlan, place: RuntimePlace): object {
  const namespaces = namespacesOf(plan, place);
  const { origins, maps, foreignNetwork } = namespaces;
  const propagation = rootPropagation(plan.mounts);
  return {
    // Time namespaces came with 1.1.
    ociVersion: origins.time === "host" ? "1.0.2" : "1.1.0",
    ...(origins.uts === "new" ? { hostname: place.hostname } : {}),
    root: { path: place.root, readonly: plan.readonlyRoot },
    process: {
      ...processSpec({
        ...plan,
        env: named(plan.env, origins.uts === "new" ? place.hostname : hostname()),
        user: place.singleId === true ? { ...plan.user, additionalGids: [] } : plan.user,
      }),
      ...consoleSize(place.terminalSize),
    },
    mounts: mountsOf(plan, place, namespaces),
    linux: {
      ...(place.cgroupsPath === undefined ? {} : { cgroupsPath: place.cgroupsPath, resources: resourceSpec(plan) }),
      ...namespaceSpec(namespaces),
      ...(maps === undefined ? { devices: deviceSpec(plan.devices) } : {}),
      ...(propagation === undefined ? {} : { rootfsPropagation: propagation }),
      ...(plan.seccomp === undefined ? {} : { seccomp: plan.seccomp }),
      sysctl: Object.fromEntries(
        Object.entries(plan.sysctls).filter(([name]) => !foreignNetwork || !name.startsWith("net.")),
      ),
      maskedPaths: plan.maskedPaths,
      readonlyPaths: plan.readonlyPaths,
    },
  };
}

/** With HOSTNAME, as docker and podman have it, where nobody gave it. */
function named(env: readonly string[], host: string): readonly string[] {
  return env.some((entry) => entry.startsWith("HOSTNAME=")) ? env : [...env, `HOSTNAME=${host}`];
}

/**
 * The size of a terminal from the start on (config.md §Process): a runtime that takes it from its own
 * terminal does so a moment after the program has begun.
 */
export function consoleSize(size: TerminalSize | undefined): object {
  return size === undefined ? {} : { consoleSize: { width: size.columns, height: size.rows } };
}

/** What one process of it is begun with (config.md §Process). */
export function processSpec(plan: ContainerPlan): object {
  const { user, capabilities, oomScoreAdj } = plan;
  return {
    terminal: plan.terminal,
    user: { uid: user.uid, gid: user.gid, additionalGids: user.additionalGids, umask: 0o022 },
    args: processArgs(plan),
    env: plan.env,
    cwd: plan.workdir,
    noNewPrivileges: plan.noNewPrivileges,
    capabilities: {
      bounding: capabilities.bounding,
      effective: capabilities.effective,
      permitted: capabilities.effective,
      inheritable: capabilities.ambient,
      ambient: capabilities.ambient,
    },
    rlimits: rlimitSpec(plan.ulimits),
    ...(oomScoreAdj === undefined ? {} : { oomScoreAdj }),
  };
}
