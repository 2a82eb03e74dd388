import type { ContainerConfig } from "@lading/oci";
import type { ContainerPlan } from "../container-plan.ts";
import { RunnerError } from "../errors.ts";
import type { RunSpec } from "../run-spec.ts";
import { signalNumber } from "../supervisor/signals.ts";
import { whole } from "./amounts.ts";

const usualGrace = 10_000; // milliseconds
const restarts: readonly string[] = ["no", "always", "on-failure", "unless-stopped"];

/** How it is stopped, and what happens when it has ended. Throws RunnerError SPEC. */
export function lifecycleOf(
  spec: RunSpec,
  config: ContainerConfig,
): Pick<ContainerPlan, "restart" | "stopSignal" | "stopTimeout" | "autoRemove"> {
  const { autoRemove = false } = spec;
  const { name, maximum } = spec.restart ?? { name: "no" };
  if (!restarts.includes(name))
    throw new RunnerError("SPEC", `Cannot restart "${name}": expected ${restarts.join(", ")}`);
  whole("maximum of restarts", maximum, 0);
  if (maximum !== undefined && maximum > 0 && name !== "on-failure")
    throw new RunnerError("SPEC", `Cannot restart "${name}" at most ${maximum} times: only on-failure has a maximum`);
  if (autoRemove && name !== "no")
    throw new RunnerError("SPEC", "Cannot both restart and remove a container when it ends");
  const signal = spec.stopSignal ?? config.StopSignal ?? "";
  if (signal !== "") signalNumber(signal);
  return {
    restart: { name, maximum: maximum ?? 0 },
    stopSignal: signal === "" ? "SIGTERM" : signal,
    stopTimeout: whole("stopTimeout", spec.stopTimeout, 0) ?? graceOf(config),
    autoRemove,
  };
}

/** An image's is in seconds; one that is no time says nothing. */
function graceOf({ StopTimeout }: ContainerConfig): number {
  return StopTimeout !== undefined && Number.isSafeInteger(StopTimeout) && StopTimeout >= 0
    ? StopTimeout * 1000
    : usualGrace;
}
