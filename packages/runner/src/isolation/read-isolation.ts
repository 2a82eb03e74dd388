import { parseLimits } from "../host/limits.ts";
import { parseMountInfo } from "../host/mount-info.ts";
import { readLimits } from "./read-limits.ts";
import { effectiveMounts } from "./effective-mounts.ts";
import { idInside, parseIdMap } from "./id-map.ts";
import { type Isolation, namespaceKinds } from "./isolation.ts";
import { processCgroups } from "./process-cgroups.ts";
import { ProcessFolder } from "./process-folder.ts";

/**
 * Reads the isolation of a process from the kernel. Whoever is not root learns less of others'
 * processes; `unreadable` says what. Throws RunnerError STATE when the process has ended, or ends
 * meanwhile. `root`: where /proc and /sys are.
 */
export async function readIsolation(pid: number, { root = "/" }: { readonly root?: string } = {}): Promise<Isolation> {
  using process = new ProcessFolder(pid, root);
  using self = new ProcessFolder("self", root);
  const [status, links, own, uidMap, gidMap, limits, mountinfo, cgroup, oomScoreAdj] = await Promise.all([
    process.status(),
    process.links("ns"),
    self.links("ns"),
    process.text("uid_map"),
    process.text("gid_map"),
    process.text("limits"),
    process.bytes("mountinfo"),
    process.text("cgroup"),
    process.text("oom_score_adj"),
  ]);
  const cgroups = await processCgroups(cgroup, root);
  const namespaces = namespacesOf(links, own);
  const uids = parseIdMap(uidMap);
  const gids = parseIdMap(gidMap);
  // Of our own user namespace the map leads out of it, while the status has the numbers inside already.
  // Who may not see which namespaces a process of another user has can still compare the maps.
  const mapped =
    namespaces.user === undefined ? uidMap !== (await self.text("uid_map")) : namespaces.user.source === "private";
  const isolation = {
    pid,
    namespaces,
    uidMap: uids,
    gidMap: gids,
    user: {
      uid: mapped ? idInside(uids, status.uid) : status.uid,
      gid: mapped ? idInside(gids, status.gid) : status.gid,
      groups: status.groups.map((gid) => (mapped ? idInside(gids, gid) : gid)),
    },
    capabilities: status.capabilities,
    noNewPrivileges: status.noNewPrivileges,
    seccomp: status.seccomp,
    rlimits: parseLimits(limits),
    limits: await readLimits(cgroups),
    cgroup: { version: cgroups.version, path: cgroups.path },
    ...effectiveMounts(parseMountInfo(mountinfo)),
    oomScoreAdj: Number(oomScoreAdj),
  };
  // A process that has just ended refuses as well: then it is that which is told.
  await process.status();
  return { ...isolation, unreadable: process.refused };
}

function namespacesOf(
  links: Readonly<Record<string, string>>,
  own: Readonly<Record<string, string>>,
): Isolation["namespaces"] {
  return Object.fromEntries(
    namespaceKinds.flatMap((kind) => {
      const link = links[kind];
      const inode = /\[(\d+)\]$/.exec(link ?? "")?.[1];
      if (inode === undefined) return [];
      return [[kind, { inode: Number(inode), source: link === own[kind] ? "host" : "private" }]];
    }),
  );
}
