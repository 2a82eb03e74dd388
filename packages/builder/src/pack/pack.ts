import { setImmediate } from "node:timers/promises";
import { type Digest, Digester, type Options } from "@lading/oci";
import { CHUNK_SIZE, codecVersion, type Compression } from "./chunk-codec.ts";
import { type CompressedLayer, compressLayer } from "./compress-layer.ts";
import type { CompressPool, Compressor } from "./compress-pool.ts";
import type { LayerPlan } from "../entry.ts";
import { BuildError } from "../errors.ts";
import { compareListings, formatListing } from "./explain.ts";
import { InlineCompressor } from "./inline-compressor.ts";
import { LayerBytes } from "./layer-bytes.ts";
import { contentKey, type LayerCache } from "./layer-cache.ts";
import type { LayerReuse } from "../progress.ts";
import type { LayerExplanation } from "../result.ts";
import { shapeKey, statKey, timesAreSettled } from "./selector.ts";

/** Below this many bytes a layer is compressed sooner than a thread has started. */
const INLINE_SIZE = 2 << 20;

export interface PackOptions extends Options {
  /** Where the layer goes, and where it may be already. */
  readonly cache: LayerCache;
  /** Shared by the layers of a build; whoever made it closes it. */
  readonly pool: CompressPool;
  readonly compression: Compression;
  /** When listing the files began, as Date.now() says: what is younger may still change unseen (selector.ts). */
  readonly listedAt: number;
  /** Names this layer from build to build (context, layer, platform): to explain what changed. Default: not explained. */
  readonly identity?: string | undefined;
  /** Read and compress although the layer is known. Default: false. */
  readonly noCache?: boolean | undefined;
  /** Told how many bytes of the tar are read so far. */
  readonly onProgress?: ((done: number) => void) | undefined;
}

/** A layer that is in the cache. */
export interface PackedLayer extends CompressedLayer {
  readonly reuse: LayerReuse;
  readonly explanation?: LayerExplanation;
  /** Milliseconds it took. */
  readonly ms: number;
}

/**
 * Make the layer's blob in the cache, unless it is there. A layer whose files all look as they did
 * is not read; one that may be known by its content is read before it is compressed. The blob depends
 * on the plan, the files' contents and the compression only.
 *
 * Throws BuildError: SOURCE_CHANGED when a file is not what was listed, SOURCE_UNREADABLE, OUTPUT.
 * After a failure, or when aborted, nothing is left behind.
 */
export async function packLayer(plan: LayerPlan, options: PackOptions): Promise<PackedLayer> {
  const started = performance.now();
  const { cache, noCache = false } = options;
  const codec = codecVersion(options.compression);
  options.signal?.throwIfAborted();

  const byStat = statKey(plan.entries, codec);
  const unchanged = noCache ? undefined : cache.recall("stat", byStat);
  if (unchanged !== undefined) {
    const explanation = { reason: "unchanged", changes: [], more: 0 } as const;
    return { ...unchanged, reuse: "stat", explanation, ms: performance.now() - started };
  }

  const byShape = shapeKey(plan.entries, codec);
  const worthReading = !noCache && cache.recall("shape", byShape) !== undefined;
  const read = worthReading ? await readLayer(plan, options) : undefined;
  const known = read && cache.recall("content", contentKey(read.diffId, codec));
  const { layer, checksums } =
    read !== undefined && known !== undefined
      ? { layer: known, checksums: read.checksums }
      : await compress(plan, options, read?.diffId);

  cache.remember("content", contentKey(layer.diffId, codec), layer);
  cache.remember("shape", byShape, layer);
  if (timesAreSettled(plan.entries, options.listedAt)) cache.remember("stat", byStat, layer);
  const reuse = known === undefined ? "none" : "content";
  const explanation = explain(plan, checksums, reuse, options);
  return { ...layer, reuse, ...(explanation && { explanation }), ms: performance.now() - started };
}

/** Read the files and hash the tar, without compressing it. */
async function readLayer(
  plan: LayerPlan,
  { signal }: PackOptions,
): Promise<{ readonly diffId: Digest; readonly checksums: Uint32Array }> {
  const bytes = new LayerBytes(plan.entries, signal);
  try {
    const digester = new Digester();
    const chunk = new Uint8Array(CHUNK_SIZE);
    while (!bytes.done) {
      digester.update(chunk.subarray(0, await bytes.read(chunk)));
      await setImmediate();
      signal?.throwIfAborted();
    }
    return { diffId: digester.digest(), checksums: bytes.checksums };
  } finally {
    await bytes.close();
  }
}

/** @param expected - The diffID, when the files were read before. */
async function compress(
  plan: LayerPlan,
  options: PackOptions,
  expected: Digest | undefined,
): Promise<{ readonly layer: CompressedLayer; readonly checksums: Uint32Array }> {
  const { cache, compression, signal, onProgress } = options;
  const bytes = new LayerBytes(plan.entries, signal);
  const blob = cache.createBlob();
  try {
    const compressor = chooseCompressor(plan, options);
    const layer = await compressLayer(bytes, blob, { compression, compressor, signal, onProgress });
    if (expected !== undefined && layer.diffId !== expected) {
      throw new BuildError(
        "SOURCE_CHANGED",
        `Cannot pack layer ${JSON.stringify(plan.name)}: a source changed meanwhile`,
      );
    }
    signal?.throwIfAborted();
    cache.commitBlob(blob, layer.descriptor.digest);
    return { layer, checksums: bytes.checksums };
  } finally {
    blob.discard();
    await bytes.close();
  }
}

function chooseCompressor(plan: LayerPlan, { compression, pool }: PackOptions): Compressor {
  const inline = compression.kind === "none" || pool.size === 0 || (!pool.started && tarSize(plan) <= INLINE_SIZE);
  return inline ? new InlineCompressor(compression) : pool;
}

/** Bytes of the tar, not counting extended headers. */
function tarSize({ entries }: LayerPlan): number {
  let size = 0;
  for (const entry of entries) size += 512 + (entry.type === "file" ? entry.size : 0);
  return size;
}

/** Compare with the last build of this layer, and keep this one for the next. */
function explain(
  plan: LayerPlan,
  checksums: Uint32Array,
  reuse: LayerReuse,
  { cache, identity, noCache, compression }: PackOptions,
): LayerExplanation | undefined {
  if (identity === undefined) return undefined;
  const key = `${identity}\0${codecVersion(compression)}`;
  const before = cache.recallListing(key);
  const after = formatListing(plan.entries, checksums);
  if (before === undefined || Buffer.compare(before, after) !== 0) cache.rememberListing(key, after);

  if (noCache === true) return { reason: "cache off", changes: [], more: 0 };
  if (reuse === "content") return { reason: "same content", changes: [], more: 0 };
  if (before === undefined) return { reason: "first build", changes: [], more: 0 };
  const difference = compareListings(before, after);
  return { reason: difference.changes.length > 0 ? "changed" : "cache entry gone", ...difference };
}
