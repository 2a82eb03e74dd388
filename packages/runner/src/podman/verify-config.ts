import { isDeepStrictEqual } from "node:util";
import * as z from "zod";
import { type ContainerPlan, initPath } from "../container-plan.ts";
import type { IdRange } from "../run-spec.ts";
import type { Seccomp } from "../security/seccomp.ts";
import { plainly } from "./answers.ts";
import { cpuQuota } from "./spec-generator.ts";

/*
 * What podman hands to the runtime, held against the plan. Its defaults, containers.conf and versions
 * that nobody has seen yet have a say in it, so that what was asked for is no proof of what came out.
 */

const names = z.array(z.string()).default([]);
const limit = z.number().nullish();
const ranges = z.array(z.object({ containerID: z.number(), hostID: z.number(), size: z.number() })).nullish();

/** The `config.json` (runtime-spec) that podman wrote, as far as a plan says anything of it. */
export const runtimeConfig = z.object({
  process: z.object({
    args: names,
    env: names,
    cwd: z.string(),
    user: z.object({ uid: z.number(), gid: z.number(), additionalGids: z.array(z.number()).default([]) }),
    capabilities: z
      .object({ bounding: names, effective: names, permitted: names, inheritable: names, ambient: names })
      .default({ bounding: [], effective: [], permitted: [], inheritable: [], ambient: [] }),
    noNewPrivileges: z.boolean().default(false),
    rlimits: z.array(z.object({ type: z.string(), soft: z.number(), hard: z.number() })).default([]),
    oomScoreAdj: limit,
  }),
  root: z.object({ readonly: z.boolean().default(false) }),
  mounts: z.array(
    z.object({ destination: z.string(), type: z.string().default(""), source: z.string().default(""), options: names }),
  ),
  linux: z.object({
    uidMappings: ranges,
    gidMappings: ranges,
    sysctl: z.record(z.string(), z.string()).default({}),
    resources: z
      .object({
        memory: z.object({ limit, swap: limit, reservation: limit }).nullish(),
        cpu: z.object({ shares: limit, quota: limit, cpus: z.string().nullish() }).nullish(),
        pids: z.object({ limit }).nullish(),
      })
      .default({}),
    namespaces: z.array(z.object({ type: z.string(), path: z.string().default("") })),
    devices: z.array(z.object({ path: z.string() })).default([]),
    seccomp: z
      .object({
        defaultAction: z.string(),
        defaultErrnoRet: z.number().optional(),
        architectures: names,
        flags: names,
        syscalls: z
          .array(
            z.object({
              names,
              action: z.string(),
              errnoRet: z.number().optional(),
              args: z
                .array(
                  z.object({ index: z.number(), value: z.number(), valueTwo: z.number().default(0), op: z.string() }),
                )
                .default([]),
            }),
          )
          .default([]),
      })
      .optional(),
    maskedPaths: names,
    readonlyPaths: names,
  }),
});
export type RuntimeConfig = z.infer<typeof runtimeConfig>;

// What podman puts into every container, and cannot be kept from.
const usualMounts: ReadonlySet<string> = new Set([
  "/proc",
  "/dev",
  "/dev/pts",
  "/dev/shm",
  "/dev/mqueue",
  "/sys",
  "/sys/fs/cgroup",
  "/etc/hosts",
  "/etc/hostname",
  "/etc/resolv.conf",
  "/run/.containerenv",
  "/run/secrets",
]);
const usualVariables: ReadonlySet<string> = new Set([
  "HOSTNAME",
  "container",
  "LISTEN_PID",
  "LISTEN_FDS",
  "LISTEN_FDNAMES",
]);
const usualSysctls = ["net.ipv4.ping_group_range"];

/**
 * In what a container would differ from its plan, one sentence each; none when it is the plan's.
 *
 * @param seccomp - `normalSeccomp` of the plan's, which takes long enough to be made beforehand.
 */
export function differences(
  plan: ContainerPlan,
  { process, root, linux, mounts }: RuntimeConfig,
  seccomp: RuntimeConfig["linux"]["seccomp"] = normalSeccomp(plan.seccomp),
): readonly string[] {
  const { capabilities } = plan;
  const { memory, cpu, pids } = linux.resources;
  const init = plan.init === undefined ? [] : [initPath, "--"];
  const found: string[] = [];
  const same = (what: string, wanted: unknown, is: unknown): void => {
    if (!isDeepStrictEqual(wanted, is)) found.push(`${what}: ${JSON.stringify(is)} and not ${JSON.stringify(wanted)}`);
  };
  const sameSet = (what: string, wanted: readonly (string | number)[], is: readonly (string | number)[]): void => {
    const lacking = wanted.filter((each) => !is.includes(each));
    const added = is.filter((each) => !wanted.includes(each));
    if (lacking.length > 0) found.push(`${what} without ${lacking.join(", ")}`);
    if (added.length > 0) found.push(`${what} with ${added.join(", ")}`);
  };
  const all = (what: string, wanted: readonly string[], is: readonly string[], usual: readonly string[] = []): void =>
    sameSet(
      what,
      wanted,
      is.filter((each) => wanted.includes(each) || !usual.includes(each)),
    );

  same("arguments", [...init, ...plan.args], process.args);
  all(
    "environment",
    plan.env,
    process.env.filter((entry) => plan.env.includes(entry) || !usualVariables.has(entry.split("=", 1)[0] ?? "")),
  );
  same("working directory", plan.workdir, process.cwd);
  same("user", [plan.user.uid, plan.user.gid], [process.user.uid, process.user.gid]);
  // podman lists the group of a process among its others as well (CVE-2022-36109).
  sameSet("groups", plan.user.additionalGids, process.user.additionalGids);
  sameSet("bounding capabilities", capabilities.bounding, process.capabilities.bounding);
  sameSet("effective capabilities", capabilities.effective, process.capabilities.effective);
  sameSet("permitted capabilities", capabilities.effective, process.capabilities.permitted);
  sameSet("inheritable capabilities", capabilities.ambient, process.capabilities.inheritable);
  sameSet("ambient capabilities", capabilities.ambient, process.capabilities.ambient);
  same("no-new-privileges", plan.noNewPrivileges, process.noNewPrivileges);
  sameSet(
    "rlimits",
    plan.ulimits.map(({ name, soft, hard }) => `${name}=${unsigned(soft)}:${unsigned(hard)}`),
    process.rlimits.map(({ type, soft, hard }) => `${type.slice("RLIMIT_".length).toLowerCase()}=${soft}:${hard}`),
  );
  if (plan.oomScoreAdj !== undefined) same("oom score", plan.oomScoreAdj, process.oomScoreAdj);
  same("read-only root", plan.readonlyRoot, root.readonly);
  same("seccomp", seccomp, linux.seccomp);
  // More of them hide more, not less: newer versions of podman have longer lists.
  sameSet(
    "masked paths",
    plan.maskedPaths,
    linux.maskedPaths.filter((path) => plan.maskedPaths.includes(path)),
  );
  sameSet(
    "read-only paths",
    plan.readonlyPaths,
    linux.readonlyPaths.filter((path) => plan.readonlyPaths.includes(path)),
  );
  all("sysctls", pairs(plan.sysctls), pairs(linux.sysctl), pairs(pick(linux.sysctl, usualSysctls)));
  same("memory", plan.resources.memory, given(memory?.limit));
  const swap = given(memory?.swap);
  same("memory and swap", plan.resources.memorySwap, swap !== undefined && swap >= noLimit ? -1 : swap);
  same("reserved memory", plan.resources.memoryReservation, given(memory?.reservation));
  const { cpus } = plan.resources;
  same("processors", cpus === undefined ? undefined : cpuQuota(cpus), given(cpu?.quota));
  same("processor shares", plan.resources.cpuShares, given(cpu?.shares));
  same("processor set", plan.resources.cpuset, cpu?.cpus ?? undefined);
  same("processes", plan.resources.pids, given(pids?.limit));
  sameSet("namespaces", plannedNamespaces(plan), foundNamespaces(plan, linux.namespaces));
  if (typeof plan.namespaces.user === "object") {
    same("user ids", plan.namespaces.user.uidMap.map(mapping), linux.uidMappings ?? []);
    same("group ids", plan.namespaces.user.gidMap.map(mapping), linux.gidMappings ?? []);
  }
  const devices = new Set(plan.devices.map(({ destination }) => destination));
  sameSet(
    "devices",
    [],
    linux.devices.map(({ path }) => path).filter((path) => !devices.has(path)),
  );
  all(
    "mounts",
    plannedMounts(plan),
    mounts.map(({ destination, options }) => mountText(destination, options.includes("ro"))),
    mounts
      // Without root a device is a mount.
      .filter(({ destination }) => usualMounts.has(destination) || devices.has(destination))
      .map(({ destination, options }) => mountText(destination, options.includes("ro"))),
  );
  return found;
}

// No machine has that many bytes.
const noLimit = 2 ** 62;

/** Kinds with a namespace that is not the host's, with its file where it is another's. */
function plannedNamespaces({ namespaces }: ContainerPlan): readonly string[] {
  const { network, pid, ipc, uts, cgroup, user } = namespaces;
  return Object.entries({ network, pid, ipc, uts, cgroup })
    .flatMap(([kind, source]) =>
      source === "host" ? [] : [typeof source === "object" && "path" in source ? `${kind}=${source.path}` : kind],
    )
    .concat("mount", user === "host" ? [] : "user");
}

function foundNamespaces(
  { namespaces }: ContainerPlan,
  found: RuntimeConfig["linux"]["namespaces"],
): readonly string[] {
  return found.map(({ type, path }) => {
    const source =
      type === "network" || type === "pid" || type === "ipc" || type === "uts" ? namespaces[type] : undefined;
    // A path that podman chose is of a namespace that it made, or of the container that it was told.
    return typeof source === "object" && "path" in source ? `${type}=${path}` : type;
  });
}

function plannedMounts(plan: ContainerPlan): readonly string[] {
  const planned = plan.mounts.map((mount) =>
    mountText(mount.destination, mount.type === "tmpfs" ? mount.options.includes("ro") : mount.readonly),
  );
  return plan.init === undefined ? planned : [...planned, mountText(initPath, true)];
}

function mountText(destination: string, readonly: boolean): string {
  return `${destination} ${readonly ? "ro" : "rw"}`;
}

/** A plan's filter as it is read from a `config.json`. */
export function normalSeccomp(seccomp: Seccomp | undefined): RuntimeConfig["linux"]["seccomp"] {
  return runtimeConfig.shape.linux.shape.seccomp.parse(
    seccomp === undefined ? undefined : JSON.parse(JSON.stringify(seccomp)),
    plainly,
  );
}

function mapping({ containerId, hostId, size }: IdRange): NonNullable<RuntimeConfig["linux"]["uidMappings"]>[number] {
  return { containerID: containerId, hostID: hostId, size };
}

/** undefined for what is not limited. */
function given(value: number | null | undefined): number | undefined {
  return value === null || value === undefined || value <= 0 ? undefined : value;
}

function unsigned(value: number): number {
  return value === -1 ? 2 ** 64 : value;
}

function pairs(record: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(record).map(([name, value]) => `${name}=${value}`);
}

function pick(record: Readonly<Record<string, string>>, keys: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(record).filter(([key]) => keys.includes(key)));
}
