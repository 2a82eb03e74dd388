import { randomBytes } from "node:crypto";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  digestHex,
  formatLayerIndex,
  indexLayer,
  type Layer,
  type LayerIndex,
  Limiter,
  makeFolder,
  openLayer,
  type Options,
  parseLayerIndex,
} from "@lading/oci";

// Decompressing is what takes the time, and does so in threads of Node's.
const atOnce = 2;

/**
 * What is in layers, as those of a base image. Every one is read and verified once, and remembered by what it was
 * verified for in `cacheDir`/indexes. Throws OciError when a layer is damaged or not what its
 * digests say.
 */
export async function readLayerIndexes(
  layers: readonly Layer[],
  cacheDir: string,
  options: Options = {},
): Promise<readonly LayerIndex[]> {
  const limiter = new Limiter(atOnce);
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]);
  const folder = join(cacheDir, "indexes");
  const reading = layers.map((layer) =>
    limiter
      .run(async () => {
        signal.throwIfAborted();
        return (await recall(folder, layer)) ?? (await read(folder, layer, signal));
      })
      .catch((error: unknown) => {
        stop.abort(error);
        throw error;
      }),
  );
  const results = await Promise.allSettled(reading);
  options.signal?.throwIfAborted();
  if (stop.signal.aborted) throw stop.signal.reason;
  return results.flatMap((result) => (result.status === "fulfilled" ? result.value : []));
}

function pathOf(folder: string, { descriptor, diffId }: Layer): string {
  return join(folder, `${digestHex(descriptor.digest)}-${digestHex(diffId)}.json`);
}

async function recall(folder: string, layer: Layer): Promise<LayerIndex | undefined> {
  try {
    return parseLayerIndex(await readFile(pathOf(folder, layer), "utf8"));
  } catch {
    // Not there, of another version or damaged: the layer is read again.
    return undefined;
  }
}

async function read(folder: string, layer: Layer, signal: AbortSignal): Promise<LayerIndex> {
  const index = await indexLayer(openLayer(layer, { diffId: layer.diffId, signal }), { signal });
  await remember(pathOf(folder, layer), folder, formatLayerIndex(index));
  return index;
}

async function remember(path: string, folder: string, text: string): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    makeFolder(folder);
    await writeFile(temporary, text);
    await rename(temporary, path);
  } catch {
    // Only the next build is slower for it; what cannot be done without tells when layers are written.
    await rm(temporary, { force: true });
  }
}
