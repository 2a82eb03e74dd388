import type { CapabilitySets, ContainerPlan } from "../container-plan.ts";
import { RunnerError } from "../errors.ts";
import type { Host } from "../host/host.ts";
import type { ImageFacts } from "../image/image-facts.ts";
import { cleanPath } from "../image/paths.ts";
import type { ResolvedUser } from "../image/user.ts";
import type { RunSpec } from "../run-spec.ts";
import { changeCapabilities, namedCapabilities } from "../security/capabilities.ts";
import { defaultSeccomp, defaultSeccomp32 } from "../security/default-seccomp.ts";
import type { SecurityProfile } from "../security/profile.ts";
import { convertSeccomp } from "../security/seccomp.ts";

/** The profile's and what was changed of it. Throws RunnerError SPEC, and UNSUPPORTED for what nobody here can give. */
export function capabilitiesOf(
  spec: RunSpec,
  profile: SecurityProfile,
  user: ResolvedUser,
  host: Host,
  notes: string[],
): CapabilitySets {
  const has = (name: string): boolean => host.capabilities.includes(name);
  // A profile gives what there is; only what was asked for by name must be there.
  const given = profile.capabilities.filter(has);
  const dropped = new Set(namedCapabilities(spec.capDrop ?? []));
  const named = namedCapabilities(spec.capAdd ?? []).filter((name) => !dropped.has(name));
  const lacking = named.filter((name) => !has(name));
  if (lacking.length > 0) {
    if (spec.bestEffort !== true)
      throw new RunnerError(
        "UNSUPPORTED",
        `Cannot give the container ${lacking.join(", ")}: this process does not have it itself`,
      );
    notes.push(`left out, this process lacks them itself: ${lacking.join(", ")}`);
  }
  const change = { add: spec.capAdd, drop: spec.capDrop, all: host.capabilities };
  const bounding = changeCapabilities(given, change).filter(has);
  // Who is not root gets none in effect, as execve(2) would have it, but those that were asked for by name, as with podman.
  const ambient = bounding.filter((name) => named.includes(name));
  return user.uid === 0 ? { bounding, effective: bounding, ambient: [] } : { bounding, effective: ambient, ambient };
}

// Of 32 bits, which machines of 64 run as well.
const narrow = new Set(["386", "arm"]);

/** The filter that was asked for, else the profile's; decided for these capabilities. */
export function seccompOf(
  spec: RunSpec,
  profile: SecurityProfile,
  { architecture }: ImageFacts,
  { bounding }: CapabilitySets,
): ContainerPlan["seccomp"] {
  const own = profile.seccomp === defaultSeccomp && narrow.has(architecture) ? defaultSeccomp32 : profile.seccomp;
  const chosen = spec.seccomp ?? own;
  return chosen === undefined || chosen === "unconfined"
    ? undefined
    : convertSeccomp(chosen, { capabilities: bounding });
}

/** The profile's, what was asked for besides, and without what was asked to be as it is. Throws RunnerError SPEC. */
export function hiddenPathsOf(
  spec: RunSpec,
  profile: SecurityProfile,
  { thermalThrottle }: Host,
): Pick<ContainerPlan, "maskedPaths" | "readonlyPaths"> {
  const bare = new Set(
    (spec.unmask ?? []).map((path) => (path.toUpperCase() === "ALL" ? "ALL" : absolute("unmask", path))),
  );
  const kept = (path: string): boolean => !bare.has("ALL") && !bare.has(path);
  const usual = profile.maskedPaths.length === 0 ? [] : [...profile.maskedPaths, ...thermalThrottle];
  const more = (spec.mask ?? []).map((path) => absolute("mask", path));
  return {
    maskedPaths: [...new Set([...usual.filter(kept), ...more])],
    readonlyPaths: profile.readonlyPaths.filter(kept),
  };
}

function absolute(verb: string, path: string): string {
  if (!path.startsWith("/") || path.includes("\0") || cleanPath(path) === "/")
    throw new RunnerError("SPEC", `Cannot ${verb} ${JSON.stringify(path)}: expected an absolute path`);
  return cleanPath(path);
}
