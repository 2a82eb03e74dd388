import type { ContainerPlan } from "../container-plan.ts";
import type { EngineInfo } from "../engine.ts";
import { RunnerError } from "../errors.ts";
import type { ImageFacts } from "../image/image-facts.ts";
import { idsOf, type ResolvedUser } from "../image/user.ts";
import type { IdRange, NetworkSource, RunSpec } from "../run-spec.ts";
import type { SecurityProfile } from "../security/profile.ts";

/** What `auto` gives: as many as there are ids of 16 bits. */
const autoIds = 65_536;
// The kernel's limit of a name (HOST_NAME_MAX), in the letters of one that others can look up (RFC 1123 §2.1).
const hostname = /^[a-zA-Z0-9](?:[a-zA-Z0-9_.-]{0,62}[a-zA-Z0-9])?$/;

/**
 * Where each namespace of a container comes from, as far as the engine can make it so. Throws
 * RunnerError SPEC, and UNSUPPORTED for what the engine has not.
 */
export function namespacesOf(
  spec: RunSpec,
  profile: SecurityProfile,
  engine: EngineInfo,
  user: ResolvedUser,
  notes: string[],
): ContainerPlan["namespaces"] {
  const network = networkOf(spec, profile, engine, notes);
  const namespaces = {
    network,
    pid: spec.pid ?? "private",
    ipc: spec.ipc ?? "private",
    // As with docker, a container on the host's network has the host's name, unless it is to have another.
    uts: spec.uts ?? (network === "host" && spec.hostname === undefined ? "host" : "private"),
    cgroup: spec.cgroup ?? "private",
    time: spec.time ?? "host",
    user: userNamespaceOf(spec, profile, engine, notes),
  } as const;
  for (const source of [namespaces.network, namespaces.pid, namespaces.ipc, namespaces.uts]) checkSource(source);
  checkIds(namespaces.user, user);
  if (namespaces.time === "private" && !engine.timeNamespaces)
    throw new RunnerError(
      "UNSUPPORTED",
      `Cannot give the container a time namespace: ${engine.name} with ${engine.runtime.name} ${engine.runtime.version} has none`,
    );
  checkHostname(spec, namespaces.uts);
  if (spec.shmSize !== undefined && namespaces.ipc !== "private")
    throw new RunnerError("SPEC", "Cannot choose the size of /dev/shm: the container has another's");
  return namespaces;
}

function networkOf(spec: RunSpec, profile: SecurityProfile, engine: EngineInfo, notes: string[]): NetworkSource {
  const { network } = spec;
  if (network === undefined) {
    if (profile.network !== "bridge" || engine.networks.includes("bridge")) return profile.network;
    if ((spec.ports ?? []).length > 0) throw noBridge(engine);
    notes.push(`no network: ${engine.name} has no bridge here`);
    return "none";
  }
  if (network === "bridge" && !engine.networks.includes("bridge")) throw noBridge(engine);
  return network;
}

function noBridge(engine: EngineInfo): RunnerError {
  return new RunnerError(
    "UNSUPPORTED",
    `Cannot connect a container to a bridge with ${engine.name}: it has none here`,
    {
      hint: "Install the CNI plugins (containernetworking-plugins), or choose --network none or host",
    },
  );
}

function userNamespaceOf(
  spec: RunSpec,
  profile: SecurityProfile,
  engine: EngineInfo,
  notes: string[],
): ContainerPlan["namespaces"]["user"] {
  const wanted = spec.userns ?? profile.userns;
  const kind = typeof wanted === "string" ? wanted : "mapped";
  if (engine.userNamespaces.includes(kind)) return wanted;
  // Without root every container is in a user namespace: that of the caller's own ids is one, too.
  if (spec.userns === undefined && engine.rootless) return "host";
  if (spec.userns === undefined && spec.bestEffort === true) {
    notes.push(`the host's ids, not some of its own: ${engine.name} has no user namespace "${kind}" here`);
    return "host";
  }
  throw new RunnerError(
    "UNSUPPORTED",
    `Cannot use user namespace "${kind}" with ${engine.name}: it has ${engine.userNamespaces.join(", ")}`,
    { hint: spec.userns === undefined ? "The profile asks for it; --userns host does without" : undefined },
  );
}

function checkSource(source: NetworkSource | "private"): void {
  if (typeof source === "string") return;
  if ("path" in source && (!source.path.startsWith("/") || source.path.includes("\0")))
    throw new RunnerError("SPEC", `Cannot join namespace ${JSON.stringify(source.path)}: expected an absolute path`);
  if ("container" in source && source.container === "")
    throw new RunnerError("SPEC", "Cannot join the namespaces of a container without a name");
}

/** How many ids, from 0 on, an image and the user of its program take. */
export function leastIds({ accounts, highestOwner }: ImageFacts, { uid, additionalGids }: ResolvedUser): number {
  const ids = [...idsOf(accounts), ...additionalGids, uid];
  // What `auto` does not give to anybody, it need not give to accounts.
  return 1 + ids.reduce((highest, id) => (id < autoIds ? Math.max(highest, id) : highest), highestOwner);
}

/** Who is not in the map cannot be in the container. */
function checkIds(user: ContainerPlan["namespaces"]["user"], { uid, gid, additionalGids }: ResolvedUser): void {
  if (user === "host" || user === "keep-id") return;
  const all = [{ containerId: 0, hostId: 0, size: autoIds }];
  const { uidMap, gidMap } = user === "auto" ? { uidMap: all, gidMap: all } : user;
  if (user !== "auto") for (const map of [uidMap, gidMap]) checkMap(map);
  for (const [kind, map, ids] of [
    ["user", uidMap, [uid]],
    ["group", gidMap, [gid, ...additionalGids]],
  ] as const)
    for (const id of ids)
      if (!map.some(({ containerId, size }) => id >= containerId && id < containerId + size))
        throw new RunnerError("SPEC", `Cannot run as ${kind} ${id}: the container's user namespace does not have it`);
}

function checkMap(map: readonly IdRange[]): void {
  for (const { containerId, hostId, size } of map)
    if (
      ![containerId, hostId, size].every((value) => Number.isInteger(value) && value >= 0) ||
      size === 0 ||
      Math.max(containerId, hostId) + size > 2 ** 32
    )
      throw new RunnerError("SPEC", `Cannot map ${size} ids from ${containerId} to ${hostId}: there are no such ids`);
  for (const key of ["containerId", "hostId"] as const) {
    const sorted = map.toSorted((a, b) => a[key] - b[key]);
    for (const [at, range] of sorted.entries()) {
      const next = sorted[at + 1];
      if (next !== undefined && range[key] + range.size > next[key])
        throw new RunnerError("SPEC", `Cannot map id ${next[key]} twice`);
    }
  }
  // Runtimes set a container up as its root.
  if (!map.some(({ containerId }) => containerId === 0))
    throw new RunnerError("SPEC", "Cannot map ids without that of root, 0 in the container");
}

function checkHostname(spec: RunSpec, uts: ContainerPlan["namespaces"]["uts"]): void {
  if (spec.hostname === undefined) return;
  if (uts !== "private")
    throw new RunnerError(
      "SPEC",
      `Cannot set the hostname "${spec.hostname}": the container has no UTS namespace of its own`,
    );
  if (!hostname.test(spec.hostname))
    throw new RunnerError(
      "SPEC",
      `Cannot set the hostname ${JSON.stringify(spec.hostname)}: expected at most 64 letters, digits, _, . and -`,
    );
}
