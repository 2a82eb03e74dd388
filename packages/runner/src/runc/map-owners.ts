import { randomBytes } from "node:crypto";
import { chmodSync, lchownSync, lstatSync, mkdirSync, readdirSync, renameSync } from "node:fs";
import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Options } from "@lading/oci";
import type { IdRange } from "../run-spec.ts";
import type { IdMaps } from "../spec/namespaces.ts";
import { hasCode } from "../state/system-error.ts";
import { rootfsOf } from "./image-folder.ts";
import { likeRoot, OverlayFolder } from "./overlay-folder.ts";
import { metacopy, withOverlay } from "./overlay.ts";
import { makeSpecialFiles } from "./special-files.ts";
import { readTreeRecord } from "./tree-record.ts";

const setuid = 0o4000;
const setgid = 0o2000;

/**
 * Makes the folder `mapped`: to be laid over a tree's files so that they have the owners that a user
 * namespace knows. It holds every file by owner and mode, and none by content: overlays can do that
 * ("metacopy"), and an image is not copied for each container. It appears by rename.
 */
export async function mapOwners(tree: string, maps: IdMaps, mapped: string, options: Options = {}): Promise<void> {
  const folder = join(dirname(mapped), `.${randomBytes(6).toString("hex")}`);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const lower = rootfsOf(tree);
    const overlay = OverlayFolder.make(folder, [lower]);
    likeRoot(overlay.upper, { root: lower });
    await withOverlay(
      { folder: overlay, options: metacopy },
      async (view) => {
        chownTree(Buffer.from(view), maps);
        const capable = (readTreeRecord(tree)?.capable ?? []).map(({ names, header, xattrs }) => {
          const mappedHeader = { ...header, ...mappedOwner(header, maps) };
          return { names, header: mappedHeader, xattrs };
        });
        await makeSpecialFiles(view, capable, { ...options, contents: lower });
      },
      options,
    );
    renameSync(overlay.upper, mapped);
  } catch (error) {
    // Another process was faster.
    if (!hasCode(error, "ENOTEMPTY", "EEXIST")) throw error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Names are bytes: an image may have what is not UTF-8. */
function chownTree(path: Buffer, maps: IdMaps): void {
  const info = lstatSync(path);
  const { uid, gid } = mappedOwner(info, maps);
  lchownSync(path, uid, gid);
  // The kernel takes these bits away with the owner. Where that is still the host's they stay away.
  const kept = (uid === info.uid ? 0 : setuid) | (gid === info.gid ? 0 : setgid);
  if (!info.isSymbolicLink() && (info.mode & (setuid | setgid)) !== 0)
    chmodSync(path, info.mode & (0o1777 | (info.isDirectory() ? setuid | setgid : kept)));
  if (!info.isDirectory()) return;
  for (const name of readdirSync(path, { encoding: "buffer" }))
    chownTree(Buffer.concat([path, Buffer.from("/"), name]), maps);
}

/** Who is not in the maps stays who it is, and is nobody in the container. */
function mappedOwner(
  { uid, gid }: { readonly uid: number; readonly gid: number },
  { uidMap, gidMap }: IdMaps,
): { readonly uid: number; readonly gid: number } {
  return { uid: mappedId(uid, uidMap), gid: mappedId(gid, gidMap) };
}

function mappedId(id: number, ranges: readonly IdRange[]): number {
  const range = ranges.find(({ containerId, size }) => containerId <= id && id < containerId + size);
  return range === undefined ? id : range.hostId + id - range.containerId;
}
