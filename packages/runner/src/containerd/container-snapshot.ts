import { randomBytes } from "node:crypto";
import type { Digest, Options } from "@lading/oci";
import { RunnerError } from "../errors.ts";
import type { IdMaps } from "../spec/namespaces.ts";
import type { ContainerdClient } from "./client.ts";
import { ContentStore } from "./content-store.ts";
import { imageById } from "./find-image.ts";
import type { Mount } from "./gen/types.ts";
import { isStatus } from "./grpc.ts";
import { withMounts } from "./held-mounts.ts";
import { remappedSnapshot } from "./remap.ts";
import { unpackImage } from "./unpack.ts";

/** Whose files, in which snapshotter. */
export interface ImageFiles {
  readonly image: Digest;
  /** The snapshot of its top layer, where it is known. */
  readonly top?: string | undefined;
  readonly snapshotter: string;
}

export interface ContainerFiles extends ImageFiles {
  /** The container's ID, and the name of its snapshot. */
  readonly id: string;
  /** Of its user namespace. */
  readonly idMaps: IdMaps | undefined;
}

/**
 * What to mount as the root of a container: its own snapshot over the image's, made now when it is
 * not there. Only a container that containerd knows by the same name keeps it from being garbage:
 * make that before.
 */
export async function containerMounts(
  client: ContainerdClient,
  files: ContainerFiles,
  options: Options = {},
): Promise<readonly Mount[]> {
  const { id, snapshotter } = files;
  const { snapshots } = client;
  const prepare = async (top: string): Promise<readonly Mount[]> => {
    const parent = await parentOf(client, files, top, options);
    return (await snapshots.prepare({ snapshotter, key: id, parent, labels: {} }, options.signal)).mounts;
  };
  try {
    try {
      return await prepare(await topOf(client, files, options));
    } catch (error) {
      // Somebody took the image's snapshots away.
      if (!isStatus(error, "NOT_FOUND")) throw error;
      return await prepare(await unpacked(client, files, options));
    }
  } catch (error) {
    if (!isStatus(error, "ALREADY_EXISTS")) throw error;
    return (await snapshots.mounts({ snapshotter, key: id }, options.signal)).mounts;
  }
}

/** Shows an image's files in a folder, until `work` resolves. */
export async function withImageFiles<T>(
  client: ContainerdClient,
  files: ImageFiles,
  work: (root: string) => Promise<T>,
  options: Options = {},
): Promise<T> {
  const { snapshotter } = files;
  return client.leased(async (leased) => {
    const key = `look-${randomBytes(8).toString("hex")}`;
    const parent = await topOf(leased, files, options);
    const { mounts } = await leased.snapshots.prepare({ snapshotter, key, parent, labels: {} }, options.signal);
    try {
      return await withMounts(mounts, work);
    } finally {
      await leased.snapshots.remove({ snapshotter, key }).catch(() => undefined);
    }
  }, options);
}

async function parentOf(
  client: ContainerdClient,
  { image, snapshotter, idMaps: maps }: ContainerFiles,
  top: string,
  options: Options,
): Promise<string> {
  return maps === undefined ? top : remappedSnapshot(client, { snapshotter, top, image, maps }, options);
}

/** The snapshot of an image's top layer: as it is known, else as its config's label says; unpacked now when nobody did. */
async function topOf(client: ContainerdClient, files: ImageFiles, options: Options): Promise<string> {
  if (files.top !== undefined) return files.top;
  const labels = await new ContentStore(client).labels(files.image, options);
  return labels?.[`containerd.io/gc.ref.snapshot.${files.snapshotter}`] ?? (await unpacked(client, files, options));
}

async function unpacked(
  client: ContainerdClient,
  { image: id, snapshotter }: ImageFiles,
  options: Options,
): Promise<string> {
  const image = await imageById(client, id, options);
  if (image === undefined)
    throw new RunnerError("NOT_FOUND", `Cannot make a container: its image ${id} is not in containerd any more`);
  return client.leased((leased) => unpackImage(leased, image, snapshotter, options), options);
}
