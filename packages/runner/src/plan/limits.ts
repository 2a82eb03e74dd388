import { RunnerError } from "../errors.ts";
import type { Host } from "../host/host.ts";
import type { RunSpec, Ulimit } from "../run-spec.ts";

const mostFiles = 1_048_576;
// What podman lowers its own limit to, and so the most that all engines can give without CAP_SYS_RESOURCE.
const mostProcesses = 32_768;

/** What was asked for, and nofile and nproc where nobody did; nothing above the hard limits of this process. Throws RunnerError SPEC. */
export function ulimitsOf({ ulimits = [] }: RunSpec, { hardLimits, capabilities }: Host): readonly Ulimit[] {
  const raises = capabilities.includes("CAP_SYS_RESOURCE");
  const most = (name: string, wanted: number): number => {
    const hard = hardLimits[name] ?? -1;
    const limit = name === "nproc" && !raises ? Math.min(hard === -1 ? Infinity : hard, mostProcesses) : hard;
    if (raises || limit === -1) return wanted;
    return wanted === -1 ? limit : Math.min(wanted, limit);
  };
  const usual: readonly Ulimit[] = [
    { name: "nofile", soft: mostFiles, hard: mostFiles },
    { name: "nproc", soft: mostFiles, hard: mostFiles },
  ];
  const limits = new Map([...usual, ...ulimits].map((limit) => [limit.name.toLowerCase(), limit]));
  return [...limits].map(([name, { soft, hard }]) => {
    if (!Object.hasOwn(hardLimits, name))
      throw new RunnerError("SPEC", `Cannot limit "${name}": there is no such limit`, {
        hint: `Names are ${Object.keys(hardLimits).join(", ")}`,
      });
    for (const value of [soft, hard])
      if (!Number.isSafeInteger(value) || value < -1)
        throw new RunnerError("SPEC", `Cannot limit ${name} to ${value}: expected a whole number, or -1 for no limit`);
    if (hard !== -1 && (soft === -1 || soft > hard))
      throw new RunnerError("SPEC", `Cannot limit ${name} to ${soft}:${hard}: the first is above the second`);
    const clamped = most(name, hard);
    return { name, soft: clamped !== -1 && (soft === -1 || soft > clamped) ? clamped : soft, hard: clamped };
  });
}

/** Throws RunnerError SPEC, and UNSUPPORTED for a lower one than this process may give. */
export function oomScoreOf(spec: RunSpec, host: Host, notes: string[]): number | undefined {
  const { oomScoreAdj } = spec;
  if (oomScoreAdj === undefined) return undefined;
  if (!Number.isInteger(oomScoreAdj) || oomScoreAdj < -1000 || oomScoreAdj > 1000)
    throw new RunnerError("SPEC", `Cannot use oom score ${oomScoreAdj}: expected -1000 to 1000`);
  if (oomScoreAdj >= 0 || host.capabilities.includes("CAP_SYS_RESOURCE")) return oomScoreAdj;
  if (spec.bestEffort !== true)
    throw new RunnerError("UNSUPPORTED", `Cannot lower the oom score to ${oomScoreAdj}: that takes CAP_SYS_RESOURCE`);
  notes.push("oom score not lowered: that takes CAP_SYS_RESOURCE");
  return undefined;
}
