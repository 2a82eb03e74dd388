import { CHUNK_SIZE, type Compression, type CompressionKind, DICTIONARY_SIZE, OUTPUT_SIZE } from "./chunk-codec.ts";

/*
 * The memory that the packing thread shares with its workers: slots of one chunk each, and a queue of
 * filled slots from which workers help themselves, so that none waits while there is work. Only the
 * packing thread publishes.
 */

/** What is handed to a worker; everything in it is shared, not copied. */
export interface SlotMemory {
  /** Dictionary, chunk, output. */
  readonly slots: readonly SharedArrayBuffer[];
  readonly control: SharedArrayBuffer;
}

/** A job as a worker takes it. */
export interface ClaimedJob {
  readonly index: number;
  readonly compression: Compression;
  readonly chunk: Uint8Array;
  readonly dictionary: Uint8Array;
  readonly last: boolean;
}

// Words of `control`: four counters, the ring of filled slots, five words per slot.
const SIGNAL = 0;
const HEAD = 1;
const TAIL = 2;
const CLOSED = 3;
const RING = 4;
const WORDS_PER_SLOT = 5;

const kinds: readonly CompressionKind[] = ["none", "gzip", "zstd"];

export function createSlotMemory(count: number): SlotMemory {
  return {
    slots: Array.from({ length: count }, () => new SharedArrayBuffer(DICTIONARY_SIZE + CHUNK_SIZE + OUTPUT_SIZE)),
    control: new SharedArrayBuffer(4 * (RING + count * (1 + WORDS_PER_SLOT))),
  };
}

/** The parts of a slot: room for the bytes before the chunk, the chunk, what becomes of it. */
export function slotViews(
  memory: SlotMemory,
  index: number,
): { readonly before: Uint8Array; readonly chunk: Uint8Array; readonly output: Uint8Array } {
  const buffer = memory.slots[index];
  if (buffer === undefined) throw new RangeError(`Cannot find slot ${index}: there are ${memory.slots.length}`);
  return {
    before: new Uint8Array(buffer, 0, DICTIONARY_SIZE),
    chunk: new Uint8Array(buffer, DICTIONARY_SIZE, CHUNK_SIZE),
    output: new Uint8Array(buffer, DICTIONARY_SIZE + CHUNK_SIZE, OUTPUT_SIZE),
  };
}

export class SlotQueue {
  readonly #memory: SlotMemory;
  readonly #words: Int32Array;
  readonly #count: number;

  constructor(memory: SlotMemory) {
    this.#memory = memory;
    this.#words = new Int32Array(memory.control);
    this.#count = memory.slots.length;
  }

  /** Hand a filled slot to the workers. */
  publish(
    index: number,
    job: {
      readonly compression: Compression;
      readonly length: number;
      readonly dictionaryLength: number;
      readonly last: boolean;
    },
  ): void {
    const { compression, length, dictionaryLength, last } = job;
    this.#words.set(
      [kinds.indexOf(compression.kind), compression.level, length, dictionaryLength, last ? 1 : 0],
      this.#slotWords(index),
    );
    const tail = Atomics.load(this.#words, TAIL);
    this.#words[RING + (tail % this.#count)] = index;
    // Everything above is visible to whoever sees the new tail.
    Atomics.store(this.#words, TAIL, tail + 1);
    Atomics.add(this.#words, SIGNAL, 1);
    Atomics.notify(this.#words, SIGNAL, 1);
  }

  /** Let the workers end when the queue is empty. */
  close(): void {
    Atomics.store(this.#words, CLOSED, 1);
    Atomics.add(this.#words, SIGNAL, 1);
    Atomics.notify(this.#words, SIGNAL);
  }

  /** Worker: the next job, waiting for one; undefined when the queue is closed and empty. */
  claim(): ClaimedJob | undefined {
    for (;;) {
      // Read before looking, so that a signal between looking and waiting is not slept through.
      const signal = Atomics.load(this.#words, SIGNAL);
      const head = Atomics.load(this.#words, HEAD);
      if (head < Atomics.load(this.#words, TAIL)) {
        const index = Atomics.load(this.#words, RING + (head % this.#count));
        if (Atomics.compareExchange(this.#words, HEAD, head, head + 1) === head) return this.#job(index);
      } else if (Atomics.load(this.#words, CLOSED) === 1) {
        return undefined;
      } else {
        Atomics.wait(this.#words, SIGNAL, signal);
      }
    }
  }

  /** Worker: put the compressed chunk into its slot. */
  store(index: number, output: Uint8Array): void {
    slotViews(this.#memory, index).output.set(output);
    Atomics.store(this.#words, this.#slotWords(index), output.length);
  }

  /** Bytes of the compressed chunk in a finished slot. */
  outputLength(index: number): number {
    return Atomics.load(this.#words, this.#slotWords(index));
  }

  #job(index: number): ClaimedJob {
    const at = this.#slotWords(index);
    const [kind = 0, level = 0, length = 0, dictionaryLength = 0, last = 0] = this.#words.subarray(
      at,
      at + WORDS_PER_SLOT,
    );
    const { before, chunk } = slotViews(this.#memory, index);
    return {
      index,
      compression: { kind: kinds[kind] ?? "none", level },
      chunk: chunk.subarray(0, length),
      dictionary: before.subarray(DICTIONARY_SIZE - dictionaryLength),
      last: last === 1,
    };
  }

  #slotWords(index: number): number {
    return RING + this.#count + index * WORDS_PER_SLOT;
  }
}
