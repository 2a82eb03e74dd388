import { randomBytes } from "node:crypto";
import type { Descriptor, Digest, Image, Options } from "@lading/oci";
import { RunnerError } from "../errors.ts";
import { chainIds } from "./chain-id.ts";
import type { ContainerdClient } from "./client.ts";
import { ContentStore } from "./content-store.ts";
import { snapshotLabel, uncompressedLabel } from "./gc-labels.ts";
import type { Mount } from "./gen/types.ts";
import { isStatus } from "./grpc.ts";

/**
 * Sees to it that the layers of an image, whose content is in containerd, are unpacked: a committed
 * snapshot for each, named by its chain ID, on that of the layer below. What is there is left alone.
 * Returns the name of the top one, "" without layers. Takes a leased client. Throws RunnerError
 * ENGINE, also when a layer is not what its diffID says.
 */
export async function unpackImage(
  client: ContainerdClient,
  image: Image,
  snapshotter: string,
  options: Options = {},
): Promise<string> {
  const chain = chainIds(image.layers.map(({ diffId }) => diffId));
  const content = new ContentStore(client);
  const top = chain.at(-1);
  if (top === undefined) return "";
  if (!(await isUnpacked(client, snapshotter, top, options)))
    for (const [index, { descriptor, diffId }] of image.layers.entries()) {
      const name = chain[index] ?? top;
      if (await isUnpacked(client, snapshotter, name, options)) continue;
      await unpackLayer(client, snapshotter, { descriptor, diffId, name, parent: chain[index - 1] ?? "" }, options);
      await content.label(descriptor.digest, uncompressedLabel(diffId), options);
    }
  await content.label(image.manifest.config.digest, snapshotLabel(snapshotter, top), options);
  return top;
}

async function isUnpacked(
  client: ContainerdClient,
  snapshotter: string,
  name: Digest,
  { signal }: Options,
): Promise<boolean> {
  await client.lease({ id: name, type: `snapshots/${snapshotter}` }, { signal });
  try {
    await client.snapshots.stat({ snapshotter, key: name }, signal);
    return true;
  } catch (error) {
    if (isStatus(error, "NOT_FOUND")) return false;
    throw error;
  }
}

interface UnpackedLayer {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
  /** Its chain ID. */
  readonly name: Digest;
  readonly parent: string;
}

async function unpackLayer(
  client: ContainerdClient,
  snapshotter: string,
  { descriptor, diffId, name, parent }: UnpackedLayer,
  { signal }: Options,
): Promise<void> {
  // As containerd names it while it unpacks; the label lets snapshotters that have it elsewhere say so.
  const key = `extract-${randomBytes(8).toString("hex")} ${name}`;
  const labels = { "containerd.io/snapshot.ref": name };
  let mounts: readonly Mount[];
  try {
    ({ mounts } = await client.snapshots.prepare({ snapshotter, key, parent, labels }, signal));
  } catch (error) {
    if (isStatus(error, "ALREADY_EXISTS")) return;
    throw error;
  }
  try {
    const { mediaType, digest, size } = descriptor;
    const diff = { mediaType, digest, size, annotations: {} };
    const { applied } = await client.diff.apply({ diff, mounts: [...mounts] }, signal);
    if (applied?.digest !== diffId)
      throw new RunnerError(
        "ENGINE",
        `Cannot unpack layer ${digest}: its tar is ${applied?.digest}, and the image says ${diffId}`,
      );
    await client.snapshots.commit({ snapshotter, name, key, labels }, signal);
  } catch (error) {
    await client.snapshots.remove({ snapshotter, key }).catch(() => undefined);
    // Another process was faster.
    if (!isStatus(error, "ALREADY_EXISTS")) throw error;
  }
}
