import { execFile } from "node:child_process";
import { readdirSync, readlinkSync, statfsSync, statSync } from "node:fs";
import { promisify } from "node:util";

/*
 * Without root podman works in a user namespace and a mount namespace of its own: some of its files
 * belong to users that only the one knows, and its mounts are only in the other.
 */

const run = promisify(execFile);

/** Reads a file as podman itself does. Takes the program, and a tenth of a second. */
export async function readInNamespace(path: string, program: string): Promise<string> {
  const { stdout } = await run(program, ["unshare", "cat", path], { maxBuffer: 16 * 1024 * 1024 });
  return stdout;
}

const overlayMagic = 0x794c_7630;
const fuseMagic = 0x6573_5546;

/** The same folder, which podman has mounted, as this process can reach it; undefined when it cannot. */
export function mountedInNamespace(folder: string): string | undefined {
  const uid = process.getuid?.();
  const own = readlinkSync("/proc/self/ns/mnt");
  for (const pid of readdirSync("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    const path = `/proc/${pid}/root${folder}`;
    try {
      // Only podman's service, and what it keeps its namespaces alive with, see it.
      if (statSync(`/proc/${pid}`).uid !== uid || readlinkSync(`/proc/${pid}/ns/mnt`) === own) continue;
      if ([overlayMagic, fuseMagic].includes(statfsSync(path).type)) return path;
    } catch {
      // It has ended, or does not see the folder.
    }
  }
  return undefined;
}
