import type { BigIntStats } from "node:fs";
import { readdir, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import type { PlannedDevice } from "../container-plan.ts";
import { RunnerError } from "../errors.ts";
import { cleanPath, isWithin } from "../image/paths.ts";
import type { DeviceRequest } from "../run-spec.ts";

/**
 * The devices that are asked for, as stat(2) finds them; a folder is all that are below it. Throws
 * RunnerError SPEC for what is not there, or no device.
 */
export async function findDevices(requests: readonly DeviceRequest[]): Promise<readonly PlannedDevice[]> {
  const found = (await Promise.all(requests.map(devicesOf))).flat();
  const seen = new Set<string>();
  for (const { destination } of found) {
    if (seen.has(destination)) throw new RunnerError("SPEC", `Cannot have two devices at "${destination}"`);
    seen.add(destination);
  }
  return found;
}

async function devicesOf(request: DeviceRequest): Promise<readonly PlannedDevice[]> {
  const { source: asked, destination = asked, access = "rwm" } = request;
  if (!asked.startsWith("/") || asked.includes("\0"))
    throw cannot(asked, "expected an absolute path", "/dev/fuse is one");
  if (!/^[rwm]{1,3}$/.test(access) || new Set(access).size !== access.length)
    throw cannot(asked, `access "${access}" is none, expected letters of r, w and m`);
  const place = cleanPath(destination);
  if (!destination.startsWith("/") || destination.includes("\0") || destination.split("/").includes(".."))
    throw cannot(asked, `expected an absolute path without "..", not ${JSON.stringify(destination)}`);
  if (place === "/" || isWithin(place, "/proc") || isWithin(place, "/sys"))
    throw cannot(asked, `it cannot be at "${destination}": /, /proc and /sys are the runtime's own`);
  let source: string;
  let stats: BigIntStats;
  try {
    source = await realpath(asked);
    stats = await stat(source, { bigint: true });
  } catch (cause) {
    throw new RunnerError("SPEC", `Cannot use device "${asked}": it is not there`, { cause });
  }
  const devices = stats.isDirectory()
    ? await devicesBelow(source, place, access)
    : [deviceOf(source, place, access, stats)].filter((each) => each !== undefined);
  if (devices.length === 0) throw cannot(asked, stats.isDirectory() ? "there is none in it" : "it is none");
  return devices;
}

async function devicesBelow(folder: string, destination: string, access: string): Promise<readonly PlannedDevice[]> {
  const found: PlannedDevice[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isCharacterDevice() && !entry.isBlockDevice()) continue;
    const source = join(entry.parentPath, entry.name);
    const device = deviceOf(
      source,
      join(destination, source.slice(folder.length)),
      access,
      await stat(source, { bigint: true }),
    );
    if (device !== undefined) found.push(device);
  }
  return found;
}

function deviceOf(source: string, destination: string, access: string, stats: BigIntStats): PlannedDevice | undefined {
  const type = stats.isCharacterDevice() ? "c" : stats.isBlockDevice() ? "b" : undefined;
  if (type === undefined) return undefined;
  const { rdev } = stats;
  return {
    source,
    destination,
    type,
    // As makedev(3) has put them together.
    major: Number(((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & ~0xfffn)),
    minor: Number((rdev & 0xffn) | ((rdev >> 12n) & ~0xffn & 0xffff_ffffn)),
    mode: Number(stats.mode & 0o777n),
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    access,
  };
}

function cannot(source: string, detail: string, hint?: string): RunnerError {
  return new RunnerError("SPEC", `Cannot use device ${JSON.stringify(source)}: ${detail}`, { hint });
}
