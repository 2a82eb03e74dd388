import type { PlannedDevice } from "../container-plan.ts";
import type { RunSpec } from "../run-spec.ts";
import { resolveBindSources } from "./bind-sources.ts";
import { findDevices } from "./host-devices.ts";
import { findInit } from "./init-program.ts";

/** What a request names of this machine, as it is found there: what `planContainer` does not look for itself. */
export interface HostRequest {
  /** The request, with the sources of its binds resolved. */
  readonly spec: RunSpec;
  readonly devices: readonly PlannedDevice[];
  /** The path of an init program, when one is asked for and there is one. */
  readonly init: string | undefined;
}

/** Throws RunnerError SPEC for what is not there, and for mounts that would hand over the host. */
export async function findOnHost(spec: RunSpec): Promise<HostRequest> {
  const [mounts, devices, init] = await Promise.all([
    resolveBindSources(spec.mounts ?? [], spec),
    findDevices(spec.devices ?? []),
    spec.init === true ? findInit() : undefined,
  ]);
  return { spec: { ...spec, mounts }, devices, init };
}
