import type { Options } from "@lading/oci";
import type { LayerPlan } from "./entry.ts";
import type { Compression } from "./chunk-codec.ts";
import { compressLayer, type CompressedLayer } from "./compress-layer.ts";
import type { CompressPool, Compressor } from "./compress-pool.ts";
import { InlineCompressor } from "./inline-compressor.ts";
import { LayerBytes } from "./layer-bytes.ts";
import type { LayerCache } from "./layer-cache.ts";
import type { LayerReuse } from "./progress.ts";
import type { LayerExplanation } from "./result.ts";

/** Below this many bytes a layer is compressed sooner than a thread has started. */
const INLINE_SIZE = 2 << 20;

export interface PackOptions extends Options {
  /** Where the layer goes, and where it may be already. */
  readonly cache: LayerCache;
  /** Shared by the layers of a build; whoever made it closes it. */
  readonly pool: CompressPool;
  readonly compression: Compression;
  /**
   * When listing the files began, as Date.now() says. A file touched later than shortly before that
   * may change again without a trace, so what is packed is not known by its files' times then.
   */
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
 * Make the layer's blob in the cache, unless it is there. The bytes depend on the plan, the contents and the
 * compression only. Throws BuildError: SOURCE_CHANGED when a file is not what was listed,
 * SOURCE_UNREADABLE, OUTPUT. After a failure, or when aborted, nothing is left behind.
 */
export async function packLayer(plan: LayerPlan, options: PackOptions): Promise<PackedLayer> {
  const started = performance.now();
  const { cache, compression, signal, onProgress } = options;
  const bytes = new LayerBytes(plan.entries, signal);
  using blob = cache.createBlob();
  try {
    const compressor = chooseCompressor(plan, options);
    const layer = await compressLayer(bytes, blob, { compression, compressor, signal, onProgress });
    cache.commitBlob(blob, layer.descriptor.digest);
    return { ...layer, reuse: "none", ms: performance.now() - started };
  } finally {
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
