import type { ContainerPlan } from "../container-plan.ts";
import { RunnerError } from "../errors.ts";
import type { NamespaceKind } from "../isolation/isolation.ts";
import type { IdRange } from "../run-spec.ts";
import type { RuntimePlace } from "../runtime-spec.ts";

/** What a container has of each kind: one of its own, the host's, or another's by the file that stands for it. */
type NamespaceOrigin = "new" | "host" | { readonly path: string };

export interface IdMaps {
  readonly uidMap: readonly IdRange[];
  readonly gidMap: readonly IdRange[];
}

export interface Namespaces {
  readonly origins: Readonly<Record<NamespaceKind, NamespaceOrigin>>;
  /** How ids are mapped; undefined without a user namespace. */
  readonly maps: IdMaps | undefined;
  /** Whether the network belongs to another user namespace: what only its owner may do is not done in the container. */
  readonly foreignNetwork: boolean;
}

/** Throws RunnerError ENGINE where `place` lacks the file of a namespace to join, or maps that the plan leaves to the engine. */
export function namespacesOf({ namespaces }: ContainerPlan, place: RuntimePlace): Namespaces {
  const origin = (kind: NamespaceKind, source: unknown): NamespaceOrigin => {
    const path = place.joined[kind] ?? pathOf(source);
    if (path !== undefined) return { path };
    if (source === "host") return "host";
    if (typeof source === "object" && kind !== "user")
      throw new RunnerError("ENGINE", `Cannot join a ${kind} namespace: nothing says which file stands for it`);
    return "new";
  };
  const { user } = namespaces;
  const origins = {
    mnt: "new",
    net: origin("net", namespaces.network),
    pid: origin("pid", namespaces.pid),
    ipc: origin("ipc", namespaces.ipc),
    uts: origin("uts", namespaces.uts),
    cgroup: origin("cgroup", namespaces.cgroup),
    time: origin("time", namespaces.time),
    // An engine that is not root has one in any case, and says so by its maps.
    user: origin("user", place.idMaps === undefined ? user : "auto"),
  } as const;
  const maps = origins.user === "host" ? undefined : (place.idMaps ?? (typeof user === "object" ? user : undefined));
  if (origins.user !== "host" && maps === undefined)
    throw new RunnerError("ENGINE", "Cannot make a user namespace: nothing says how its ids are mapped");
  // Who joins a user namespace got it together with the network that it owns.
  const isForeign = maps !== undefined && origins.net !== "new" && place.joined.user === undefined;
  return { origins, maps, foreignNetwork: place.foreignNetwork ?? isForeign };
}

/** The `linux` part of a runtime spec that is about namespaces (config-linux.md §Namespaces, §User namespace mappings). */
export function namespaceSpec({ origins, maps }: Namespaces): object {
  return {
    namespaces: Object.entries(specNames).flatMap(([kind, type]) => {
      const origin: unknown = Reflect.get(origins, kind);
      if (origin === "host") return [];
      const path = pathOf(origin);
      return [path === undefined ? { type } : { type, path }];
    }),
    ...(maps === undefined ? {} : { uidMappings: maps.uidMap.map(toMapping), gidMappings: maps.gidMap.map(toMapping) }),
  };
}

const specNames = {
  user: "user",
  mnt: "mount",
  net: "network",
  pid: "pid",
  ipc: "ipc",
  uts: "uts",
  cgroup: "cgroup",
  time: "time",
} as const satisfies Readonly<Record<NamespaceKind, string>>;

function toMapping({ containerId, hostId, size }: IdRange): object {
  return { containerID: containerId, hostID: hostId, size };
}

function pathOf(source: unknown): string | undefined {
  return typeof source === "object" && source !== null && "path" in source && typeof source.path === "string"
    ? source.path
    : undefined;
}
