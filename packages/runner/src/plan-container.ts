import type { ContainerConfig } from "@lading/oci";
import type { ContainerPlan, PlannedDevice } from "./container-plan.ts";
import type { EngineInfo } from "./engine.ts";
import { RunnerError } from "./errors.ts";
import type { Host } from "./host/host.ts";
import { isOrder } from "./image/check-config.ts";
import { checkImage } from "./image/check-image.ts";
import type { ImageFacts } from "./image/image-facts.ts";
import type { ResolvedUser } from "./image/user.ts";
import { planNamesAndPorts } from "./network/plan-names-and-ports.ts";
import { whole } from "./plan/amounts.ts";
import { lifecycleOf } from "./plan/lifecycle.ts";
import { oomScoreOf, ulimitsOf } from "./plan/limits.ts";
import { mountsOf } from "./plan/mounts.ts";
import { leastIds, namespacesOf } from "./plan/namespaces.ts";
import { capabilitiesOf, hiddenPathsOf, seccompOf } from "./plan/privileges.ts";
import { argumentsOf, environmentOf, userOf, workdirOf } from "./plan/program.ts";
import { resourcesOf } from "./plan/resources.ts";
import { sysctlsOf } from "./plan/sysctls.ts";
import type { RunSpec } from "./run-spec.ts";
import { type SecurityProfile, securityProfiles } from "./security/profile.ts";

/** What a plan is made from, besides the request. */
export interface PlanContext {
  readonly config: ContainerConfig;
  readonly facts: ImageFacts;
  readonly engine: EngineInfo;
  readonly host: Host;
  /** The devices that were asked for, as stat(2) found them: see `findOnHost`. */
  readonly devices?: readonly PlannedDevice[];
  /** The path of an init program on the host, when there is one. */
  readonly init?: string | undefined;
}

const defaultShm = 64 * 1024 * 1024; // bytes

/**
 * Puts together what the image says, what was asked for and what the profile adds, and sees that the
 * engine and the machine can do it; reads nothing. Throws RunnerError SPEC, USER, UNSAFE_IMAGE, and
 * UNSUPPORTED for what cannot be honoured, unless `bestEffort`.
 */
export function planContainer(spec: RunSpec, context: PlanContext): ContainerPlan {
  const { config, facts, engine, host } = context;
  const notes: string[] = [...checkImage(facts, config, engine)];
  const profile = profileOf(spec);
  const asked = userOf(spec, config, facts.accounts);
  const namespaces = namespacesOf(spec, profile, engine, asked, notes);
  // podman gives the caller's group to the program there, also to one of another user.
  const user = namespaces.user === "keep-id" ? withGroup(asked, host.gid) : asked;
  const capabilities = capabilitiesOf(spec, profile, user, host, notes);
  const readonlyRoot = spec.readonlyRoot ?? profile.readonlyRoot;
  return {
    name: spec.name,
    args: argumentsOf(spec, config),
    env: environmentOf(spec, config, user),
    workdir: workdirOf(spec, config, facts),
    user,
    leastIds: leastIds(facts, user),
    hostname: spec.hostname,
    labels: { ...harmless(config.Labels ?? {}), ...spec.labels },
    namespaces,
    capabilities,
    noNewPrivileges: spec.noNewPrivileges ?? profile.noNewPrivileges,
    seccomp: seccompOf(spec, profile, facts, capabilities),
    ...hiddenPathsOf(spec, profile, host),
    readonlyRoot,
    mounts: mountsOf(spec, facts, readonlyRoot ? Object.keys(config.Volumes ?? {}) : []),
    devices: devicesOf(spec, context),
    ...planNamesAndPorts(spec, namespaces.network),
    ulimits: ulimitsOf(spec, host),
    sysctls: sysctlsOf(spec.sysctls ?? {}, namespaces),
    resources: resourcesOf(spec, engine, notes),
    shmSize: whole("shmSize", spec.shmSize) ?? defaultShm,
    oomScoreAdj: oomScoreOf(spec, host, notes),
    terminal: spec.terminal ?? false,
    interactive: spec.interactive ?? false,
    init: initOf(spec, context, notes),
    ...lifecycleOf(spec, config),
    notes,
  };
}

function profileOf({ profile = "default" }: RunSpec): SecurityProfile {
  if (Object.hasOwn(securityProfiles, profile)) return securityProfiles[profile];
  throw new RunnerError("SPEC", `Cannot use profile "${profile}": there is none of that name`, {
    hint: `There are ${Object.keys(securityProfiles).join(", ")}`,
  });
}

function withGroup(user: ResolvedUser, gid: number): ResolvedUser {
  return { ...user, additionalGids: [...new Set([...user.additionalGids, gid])] };
}

/** An image's labels without those that engines obey. */
function harmless(labels: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(labels).filter(([name]) => !isOrder(name)));
}

function devicesOf(spec: RunSpec, { devices }: PlanContext): ContainerPlan["devices"] {
  // What was asked for must not be lost on the way.
  if (devices === undefined && (spec.devices ?? []).length > 0)
    throw new TypeError("Cannot plan devices that nobody has looked at: see findOnHost");
  return devices ?? [];
}

function initOf(spec: RunSpec, { init }: PlanContext, notes: string[]): string | undefined {
  if (spec.init !== true || init !== undefined) return spec.init === true ? init : undefined;
  if (spec.bestEffort !== true)
    throw new RunnerError("UNSUPPORTED", "Cannot give the container an init: neither catatonit nor tini is here", {
      hint: "Install catatonit or tini-static: your distribution packages them",
    });
  notes.push("no init: neither catatonit nor tini is here");
  return undefined;
}
