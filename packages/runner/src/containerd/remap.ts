import { randomBytes } from "node:crypto";
import { chmodSync, lchownSync, lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as pause } from "node:timers/promises";
import { type Digest, digestHex, digestOf, type Options } from "@lading/oci";
import type { IdRange } from "../run-spec.ts";
import type { IdMaps } from "../spec/namespaces.ts";
import type { ContainerdClient } from "./client.ts";
import { ContentStore } from "./content-store.ts";
import { withMounts } from "./held-mounts.ts";
import { isStatus } from "./grpc.ts";

export interface RemapRequest {
  readonly snapshotter: string;
  /** The snapshot of the image's top layer. */
  readonly top: string;
  /** The image's, whose config keeps the copy from being garbage. */
  readonly image: Digest;
  readonly maps: IdMaps;
}

/**
 * The name of a snapshot with the same files as an image's, owned as a user namespace with these
 * maps sees them; made once for each. containerd's snapshots have the ids of the layers, which
 * would be nobody's in there.
 */
export async function remappedSnapshot(
  client: ContainerdClient,
  { snapshotter, top, image, maps }: RemapRequest,
  options: Options = {},
): Promise<string> {
  const { uidMap, gidMap } = maps;
  const mapping = digestHex(digestOf(JSON.stringify([uidMap, gidMap].map((map) => map.map(toTriple))))).slice(0, 16);
  const name = `${top}-${mapping}`;
  return client.leased(async (leased) => {
    const { snapshots } = leased;
    await leased.lease({ id: name, type: `snapshots/${snapshotter}` }, options);
    if (!(await isThere(leased, snapshotter, name, options))) {
      const key = `remap-${randomBytes(8).toString("hex")} ${name}`;
      const { mounts } = await snapshots.prepare({ snapshotter, key, parent: top, labels: {} }, options.signal);
      try {
        await withMounts(mounts, (root) => changeOwners(root, maps, options));
        await snapshots.commit({ snapshotter, name, key, labels: {} }, options.signal);
      } catch (error) {
        await snapshots.remove({ snapshotter, key }).catch(() => undefined);
        // Another process was faster.
        if (!isStatus(error, "ALREADY_EXISTS")) throw error;
      }
    }
    const label = { [`containerd.io/gc.ref.snapshot.${snapshotter}/lading.${mapping}`]: name };
    await new ContentStore(leased).label(image, label, options);
    return name;
  }, options);
}

async function isThere(
  { snapshots }: ContainerdClient,
  snapshotter: string,
  key: string,
  { signal }: Options,
): Promise<boolean> {
  try {
    await snapshots.stat({ snapshotter, key }, signal);
    return true;
  } catch (error) {
    if (isStatus(error, "NOT_FOUND")) return false;
    throw error;
  }
}

const atOnce = 256; // files

/** Gives every file to whom its owner is mapped to; ids without a mapping stay. */
async function changeOwners(root: string, { uidMap, gidMap }: IdMaps, { signal }: Options): Promise<void> {
  const waiting = [root];
  let count = 0;
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const { uid, gid, mode } = lstatSync(path);
    lchownSync(path, mapped(uid, uidMap), mapped(gid, gidMap));
    const kind = mode & 0o170_000;
    // chown(2) takes these away from files.
    if (kind === 0o100_000 && (mode & 0o6000) !== 0) chmodSync(path, mode & 0o7777);
    if (kind === 0o040_000) for (const name of readdirSync(path)) waiting.push(join(path, name));
    if (++count % atOnce === 0) {
      signal?.throwIfAborted();
      await pause();
    }
  }
}

function mapped(id: number, map: readonly IdRange[]): number {
  const range = map.find(({ containerId, size }) => id >= containerId && id < containerId + size);
  return range === undefined ? id : range.hostId + id - range.containerId;
}

function toTriple({ containerId, hostId, size }: IdRange): readonly number[] {
  return [containerId, hostId, size];
}
