import type { Isolation } from "./isolation.ts";
import type { ProcessCgroups } from "./process-cgroups.ts";

/** The limits that hold for a cgroup: of each the tightest of its own and those above it. */
export async function readLimits(cgroups: ProcessCgroups): Promise<Isolation["limits"]> {
  const [memory, swap, cpus, cpuset, pids] = await Promise.all([
    memoryLimit(cgroups),
    swapLimit(cgroups),
    cpuLimit(cgroups),
    processors(cgroups),
    cgroups.readUpwards("pids", "pids.max").then(tightest),
  ]);
  // v1 counts memory and swap together, v2 swap alone.
  const both =
    cgroups.versionOf("memory") === 1 ? swap : memory === undefined || swap === undefined ? undefined : memory + swap;
  return { memory, memorySwap: both, cpus, cpuset, pids };
}

/** Bytes. */
export async function memoryLimit(cgroups: ProcessCgroups): Promise<number | undefined> {
  const file = cgroups.versionOf("memory") === 1 ? "memory.limit_in_bytes" : "memory.max";
  return tightest(await cgroups.readUpwards("memory", file));
}

async function swapLimit(cgroups: ProcessCgroups): Promise<number | undefined> {
  const file = cgroups.versionOf("memory") === 1 ? "memory.memsw.limit_in_bytes" : "memory.swap.max";
  return tightest(await cgroups.readUpwards("memory", file));
}

async function cpuLimit(cgroups: ProcessCgroups): Promise<number | undefined> {
  if (cgroups.versionOf("cpu") !== 1) {
    const shares = (await cgroups.readUpwards("cpu", "cpu.max")).map((text) => {
      const [quota, period] = text.split(" ");
      return Number(quota) / Number(period);
    });
    return least(shares);
  }
  const quotas = await cgroups.readUpwards("cpu", "cpu.cfs_quota_us");
  const periods = await cgroups.readUpwards("cpu", "cpu.cfs_period_us");
  return least(quotas.map((quota, level) => (Number(quota) < 0 ? Number.NaN : Number(quota) / Number(periods[level]))));
}

/** Its own or else its nearest parent's; undefined where that is all that the machine has. */
async function processors(cgroups: ProcessCgroups): Promise<string | undefined> {
  const sets = await cgroups.readUpwards("cpuset", "cpuset.cpus");
  const nearest = sets.find((set) => set !== "");
  // Of v1 the root lists all there are, and every cgroup below has to name its own.
  return cgroups.versionOf("cpuset") === 1 && nearest === sets.at(-1) ? undefined : nearest;
}

function tightest(texts: readonly string[]): number | undefined {
  return least(texts.map(Number));
}

// v1 says LONG_MAX, rounded down to a page, where there is no limit; v2 says "max", which is no number.
const unlimited = 2 ** 62;

function least(values: readonly number[]): number | undefined {
  const limits = values.filter((value) => value < unlimited);
  return limits.length === 0 ? undefined : Math.min(...limits);
}
