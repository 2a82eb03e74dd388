import { setImmediate } from "node:timers/promises";
import { CHUNK_SIZE, type ChunkCodec, chunkCodec, type Compression, DICTIONARY_SIZE } from "./chunk-codec.ts";
import type { ChunkJob, Compressor, Slot } from "./compress-pool.ts";

/** Compresses on the calling thread: for layers that are packed before a thread has started, and for none. */
export class InlineCompressor implements Compressor {
  readonly #codec: ChunkCodec;
  #slot: Slot | undefined = {
    index: 0,
    chunk: new Uint8Array(CHUNK_SIZE),
    dictionary: new Uint8Array(DICTIONARY_SIZE),
  };

  constructor(compression: Compression) {
    this.#codec = chunkCodec(compression);
  }

  tryAcquire(): Slot | undefined {
    const slot = this.#slot;
    this.#slot = undefined;
    return slot;
  }

  acquire(): Promise<Slot> {
    const slot = this.tryAcquire();
    return slot === undefined
      ? Promise.reject(new TypeError("Cannot acquire a slot: it is in use"))
      : Promise.resolve(slot);
  }

  async compress({ chunk, dictionary }: Slot, job: ChunkJob): Promise<Uint8Array> {
    const output = this.#codec(
      chunk.subarray(0, job.length),
      dictionary.subarray(DICTIONARY_SIZE - job.dictionaryLength),
      job.last,
    );
    // Signals and progress get their turn.
    if (!job.last) await setImmediate();
    return output;
  }

  release(slot: Slot): void {
    this.#slot = slot;
  }
}
