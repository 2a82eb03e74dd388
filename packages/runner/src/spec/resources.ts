import type { ContainerPlan, PlannedDevice } from "../container-plan.ts";

const cpuPeriod = 100_000; // microseconds

/** The `linux.resources` of a runtime spec (config-linux.md §Control groups). Runtimes add the devices that every container has. */
export function resourceSpec({ resources, devices }: ContainerPlan): object {
  const { memory, memorySwap, memoryReservation, cpus, cpuShares, cpuset, pids } = resources;
  return {
    devices: [{ allow: false, access: "rwm" }, ...devices.map(deviceRule)],
    ...present("memory", { limit: memory, swap: memorySwap, reservation: memoryReservation }),
    ...present("cpu", {
      shares: cpuShares,
      ...(cpus === undefined ? {} : { period: cpuPeriod, quota: Math.round(cpus * cpuPeriod) }),
      cpus: cpuset,
    }),
    ...present("pids", { limit: pids }),
  };
}

/** The nodes that a runtime makes (config-linux.md §Devices). */
export function deviceSpec(devices: readonly PlannedDevice[]): readonly object[] {
  return devices.map(({ destination, type, major, minor, mode, uid, gid }) => ({
    path: destination,
    type,
    major,
    minor,
    fileMode: mode,
    uid,
    gid,
  }));
}

function deviceRule({ type, major, minor, access }: PlannedDevice): object {
  return { allow: true, type, major, minor, access };
}

/** `{ [name]: values }`, without what is undefined; nothing when that is all. */
function present(name: string, values: Readonly<Record<string, number | string | undefined>>): object {
  const defined = Object.entries(values).filter(([, value]) => value !== undefined);
  return defined.length === 0 ? {} : { [name]: Object.fromEntries(defined) };
}
