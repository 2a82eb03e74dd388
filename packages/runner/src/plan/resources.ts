import type { ContainerPlan } from "../container-plan.ts";
import type { EngineInfo } from "../engine.ts";
import { RunnerError } from "../errors.ts";
import type { RunSpec } from "../run-spec.ts";
import { positive, whole } from "./amounts.ts";

const defaultPids = 2048;
const leastCpus = 0.01; // the kernel's, of a hundred milliseconds
const [leastShares, mostShares] = [2, 262_144]; // the kernel's own bounds

type Resources = ContainerPlan["resources"];

/** The controller that enforces each. */
const needs = {
  memory: "memory",
  memorySwap: "memory",
  memoryReservation: "memory",
  cpus: "cpu",
  cpuShares: "cpu",
  cpuset: "cpuset",
  pids: "pids",
} as const satisfies Readonly<Record<keyof Resources, string>>;

/** Throws RunnerError SPEC, and UNSUPPORTED for what the engine cannot enforce here. */
export function resourcesOf(spec: RunSpec, engine: EngineInfo, notes: string[]): Resources {
  const asked = askedOf(spec);
  const lacking = Object.entries(needs).filter(
    ([key, limit]) => Reflect.get(asked, key) !== undefined && !engine.limits.includes(limit),
  );
  const missing = [...new Set(lacking.map(([, limit]) => limit))];
  // Nobody asked for the usual limit of processes.
  const fatal = missing.filter((limit) => limit !== "pids" || spec.pidsLimit !== undefined);
  if (fatal.length > 0 && spec.bestEffort !== true)
    throw new RunnerError(
      "UNSUPPORTED",
      `Cannot limit ${fatal.join(", ")}: ${engine.name} cannot enforce it here${engine.rootless ? ", without root" : ""}`,
      {
        hint: engine.rootless
          ? "Limits without root need cgroup v2 with delegated controllers; or run as root, or with --best-effort"
          : "Leave the limit out, or use --best-effort",
      },
    );
  if (missing.length > 0) notes.push(`not limited, ${engine.name} cannot enforce it here: ${missing.join(", ")}`);
  return { ...asked, ...Object.fromEntries(lacking.map(([key]) => [key, undefined])) };
}

function askedOf(spec: RunSpec): Resources {
  const memory = whole("memory", spec.memory);
  const memorySwap = spec.memorySwap === -1 ? -1 : (whole("memorySwap", spec.memorySwap) ?? memory);
  const memoryReservation = whole("memoryReservation", spec.memoryReservation);
  if (memory === undefined && memorySwap !== undefined)
    throw new RunnerError("SPEC", "Cannot limit swap without a limit of memory");
  if (memory !== undefined && memorySwap !== undefined && memorySwap !== -1 && memorySwap < memory)
    throw new RunnerError("SPEC", `Cannot limit memory and swap to ${memorySwap} bytes: memory alone may be ${memory}`);
  if (memory !== undefined && memoryReservation !== undefined && memoryReservation > memory)
    throw new RunnerError("SPEC", `Cannot reserve ${memoryReservation} bytes of memory: it is limited to ${memory}`);
  const cpuShares = whole("cpuShares", spec.cpuShares, leastShares);
  if (cpuShares !== undefined && cpuShares > mostShares)
    throw new RunnerError("SPEC", `Cannot use cpuShares ${cpuShares}: expected at most ${mostShares}`);
  const cpus = positive("cpus", spec.cpus);
  if (cpus !== undefined && cpus < leastCpus)
    throw new RunnerError("SPEC", `Cannot use cpus ${cpus}: expected at least ${leastCpus}`);
  const { cpuset } = spec;
  if (cpuset !== undefined && !/^\d+(?:-\d+)?(?:,\d+(?:-\d+)?)*$/.test(cpuset))
    throw new RunnerError("SPEC", `Cannot use processors "${cpuset}": expected numbers and ranges, as in 0-1,3`);
  const unlimited = spec.pidsLimit === -1 || spec.pidsLimit === 0;
  return {
    memory,
    memorySwap,
    memoryReservation,
    cpus,
    cpuShares,
    cpuset,
    pids: unlimited ? undefined : (whole("pidsLimit", spec.pidsLimit) ?? defaultPids),
  };
}
