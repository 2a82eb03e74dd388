import type { IdRange } from "../run-spec.ts";

/** Lines of /proc/PID/uid_map and gid_map (user_namespaces(7)), in the order of the file. */
export function parseIdMap(text: string): readonly IdRange[] {
  return text.split("\n").flatMap((line) => {
    const [, containerId, hostId, size] = /^\s*(\d+)\s+(\d+)\s+(\d+)\s*$/.exec(line) ?? [];
    return size === undefined ? [] : [{ containerId: Number(containerId), hostId: Number(hostId), size: Number(size) }];
  });
}

/** The number that an id of the host has inside; one that has none stays as it is. */
export function idInside(map: readonly IdRange[], id: number): number {
  const range = map.find(({ hostId, size }) => id >= hostId && id < hostId + size);
  return range === undefined ? id : id - range.hostId + range.containerId;
}

// What the kernel shows for an id without a number (/proc/sys/kernel/overflowuid).
const nobody = 65_534;

/** The number of the host that an id inside has; one that has none is nobody's. */
export function idOutside(map: readonly IdRange[], id: number): number {
  const range = map.find(({ containerId, size }) => id >= containerId && id < containerId + size);
  return range === undefined ? nobody : id - range.containerId + range.hostId;
}
