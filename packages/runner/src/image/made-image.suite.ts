import {
  type ContainerConfig,
  digestOf,
  encodeTarHeader,
  type ImageConfig,
  type Layer,
  mediaTypes,
  type TarHeaderInput,
} from "@lading/oci";

/** What an entry of a layer says beyond "a file of root's"; `body` is what a file holds. */
export type Entry = Partial<TarHeaderInput> & { readonly path: string; readonly body?: string };

export interface MadeImage {
  readonly config: ImageConfig;
  readonly layers: readonly (Layer & { readonly reads: number })[];
}

/** An image with these layers, the lowest first, in memory. */
export function madeImage(config: ContainerConfig, ...layers: readonly (readonly Entry[])[]): MadeImage {
  const made = layers.map(layerOf);
  return {
    config: {
      architecture: "amd64",
      os: "linux",
      config,
      rootfs: { type: "layers", diff_ids: made.map(({ diffId }) => diffId) },
    },
    layers: made,
  };
}

function layerOf(entries: readonly Entry[]): Layer & { reads: number } {
  const parts = entries.flatMap(({ body = "", ...header }) => [
    encodeTarHeader({ type: "file", mode: 0o644, uid: 0, gid: 0, mtime: 0, size: Buffer.byteLength(body), ...header }),
    Buffer.from(body),
    Buffer.alloc((512 - (Buffer.byteLength(body) % 512)) % 512),
  ]);
  const bytes = Buffer.concat([...parts, Buffer.alloc(1024)]);
  const digest = digestOf(bytes);
  return {
    descriptor: { mediaType: mediaTypes.ociLayer, digest, size: bytes.length },
    diffId: digest,
    reads: 0,
    async *open() {
      this.reads++;
      yield bytes;
    },
  };
}

export const directory = (path: string, mode = 0o755, uid = 0, gid = 0): Entry => ({
  path,
  type: "directory",
  mode,
  uid,
  gid,
});
export const link = (path: string, linkname: string): Entry => ({ path, type: "symlink", linkname, mode: 0o777 });
