import { type Descriptor, type Digest, Digester } from "@lading/oci";
import type { BlobFile } from "./blob-file.ts";
import { type Compression, DICTIONARY_SIZE } from "./chunk-codec.ts";
import type { Compressor, Slot } from "./compress-pool.ts";
import { layerMediaType } from "./compression.ts";
import { GzipFrame } from "./gzip-frame.ts";
import type { LayerBytes } from "./layer-bytes.ts";

export interface CompressedLayer {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
  /** Bytes of the tar. */
  readonly unpackedSize: number;
}

export interface CompressOptions {
  readonly compression: Compression;
  readonly compressor: Compressor;
  readonly signal?: AbortSignal | undefined;
  /** Told the bytes of the tar that are read so far. */
  readonly onProgress?: ((done: number) => void) | undefined;
}

/**
 * Read a layer's tar once, compress it into `blob`, and hash both. Files are read, hashed and written
 * in order by this thread, which fills chunks as long as there are free slots, so that the
 * compressing threads always have work.
 */
export async function compressLayer(
  bytes: LayerBytes,
  blob: BlobFile,
  { compression, compressor, signal, onProgress }: CompressOptions,
): Promise<CompressedLayer> {
  const writer = new LayerWriter(blob, compression);
  const inFlight: { readonly slot: Slot; readonly output: Promise<Uint8Array> }[] = [];

  async function writeOldest(): Promise<void> {
    const job = inFlight[0];
    if (job === undefined) return;
    writer.compressed(await job.output);
    signal?.throwIfAborted();
    inFlight.shift();
    compressor.release(job.slot);
  }

  try {
    while (!bytes.done) {
      signal?.throwIfAborted();
      let slot = compressor.tryAcquire();
      // Slots of ours come back as we write; only when we hold none do we wait for other layers.
      for (; slot === undefined && inFlight.length > 0; slot = compressor.tryAcquire()) await writeOldest();
      slot ??= await compressor.acquire();

      let length: number;
      try {
        length = await bytes.read(slot.chunk);
      } catch (error) {
        compressor.release(slot);
        throw error;
      }
      const dictionaryLength = writer.plain(slot.chunk.subarray(0, length), slot.dictionary);
      const output = compressor.compress(slot, { compression, length, dictionaryLength, last: bytes.done });
      // A failure is met where the chunk is awaited, which may be later than it happens.
      output.catch(() => {});
      inFlight.push({ slot, output });
      onProgress?.(bytes.position);
    }
    while (inFlight.length > 0) await writeOldest();
    return writer.end(bytes.position);
  } catch (error) {
    for (const { slot, output } of inFlight) void output.catch(() => {}).finally(() => compressor.release(slot));
    throw error;
  }
}

/** What is kept from chunk to chunk: both hashes, the frame, the window that deflate looks back on. */
class LayerWriter {
  readonly #blob: BlobFile;
  readonly #compression: Compression;
  readonly #plain = new Digester();
  readonly #compressed: Digester | undefined;
  readonly #frame: GzipFrame | undefined;
  readonly #window = new Uint8Array(DICTIONARY_SIZE);
  #windowLength = 0;

  constructor(blob: BlobFile, compression: Compression) {
    this.#blob = blob;
    this.#compression = compression;
    // A layer that is not compressed has one digest: hash it once.
    if (compression.kind !== "none") this.#compressed = new Digester();
    if (compression.kind === "gzip") {
      this.#frame = new GzipFrame(compression.level);
      this.compressed(this.#frame.header());
    }
  }

  /** The next plain bytes. Puts what stands before them at the end of `dictionary` and returns its length. */
  plain(chunk: Uint8Array, dictionary: Uint8Array): number {
    this.#plain.update(chunk);
    if (this.#frame === undefined) return 0;
    this.#frame.update(chunk);
    const length = this.#windowLength;
    dictionary.set(this.#window);
    // Every chunk but the last is longer than the window, and nothing follows the last.
    this.#window.set(chunk.subarray(-DICTIONARY_SIZE), Math.max(0, DICTIONARY_SIZE - chunk.length));
    this.#windowLength = DICTIONARY_SIZE;
    return length;
  }

  /** The next bytes of the blob. */
  compressed(output: Uint8Array): void {
    this.#compressed?.update(output);
    this.#blob.write(output);
  }

  end(unpackedSize: number): CompressedLayer {
    if (this.#frame !== undefined) this.compressed(this.#frame.trailer());
    const diffId = this.#plain.digest();
    const digest = this.#compressed?.digest() ?? diffId;
    return {
      descriptor: { mediaType: layerMediaType(this.#compression), digest, size: this.#blob.size },
      diffId,
      unpackedSize,
    };
  }
}
