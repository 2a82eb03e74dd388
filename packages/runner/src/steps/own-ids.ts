import { readFileSync } from "node:fs";

/** Whether this process is in a user namespace: then its root is somebody else's, and may less. */
export function isInUserNamespace(map: string = readFileSync("/proc/self/uid_map", "latin1")): boolean {
  return !/^\s*0\s+0\s+4294967295\s*$/.test(map);
}
