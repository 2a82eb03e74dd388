import { availableParallelism } from "node:os";
import type { Worker } from "node:worker_threads";
import type { Compression } from "./chunk-codec.ts";
import { createSlotMemory, type SlotMemory, SlotQueue, slotViews } from "./slot-memory.ts";

/** A chunk on its way: filled by the packing thread, compressed by whichever worker is free. */
export interface Slot {
  readonly index: number;
  /** Room for one chunk of the tar. */
  readonly chunk: Uint8Array;
  /** Room for the bytes before it; the last ones stand at the end. */
  readonly dictionary: Uint8Array;
}

/** What shall become of a filled slot. */
export interface ChunkJob {
  readonly compression: Compression;
  /** Bytes of the chunk. */
  readonly length: number;
  /** Bytes of the dictionary, at its end. */
  readonly dictionaryLength: number;
  /** Whether the stream ends with it. */
  readonly last: boolean;
}

/** Where packing takes its buffers from and has them compressed. */
export interface Compressor {
  /** A free slot, or undefined when all are in use. */
  tryAcquire(): Slot | undefined;
  /** A free slot, as soon as there is one. Whoever has chunks of their own to finish must do that first. */
  acquire(): Promise<Slot>;
  /** The compressed chunk; a view that is valid until the slot is released. */
  compress(slot: Slot, job: ChunkJob): Promise<Uint8Array>;
  release(slot: Slot): void;
}

/**
 * Threads that compress, shared by all layers of a build. They start with the first chunk and live
 * until close(). Memory is bounded by the number of slots (2 MiB each), whatever is packed.
 */
export class CompressPool implements Compressor, AsyncDisposable {
  readonly #size: number;
  #memory: SlotMemory | undefined;
  #queue: SlotQueue | undefined;
  #slots: Slot[] = [];
  readonly #free: Slot[] = [];
  readonly #waiting: PromiseWithResolvers<Slot>[] = [];
  readonly #running = new Map<number, PromiseWithResolvers<Uint8Array>>();
  #workers: Worker[] = [];
  #exits: Promise<unknown>[] = [];
  #failure: Error | undefined;
  #closing = false;

  /** @param workers - Threads; 0 is none, and then nothing may be compressed here. Default: os.availableParallelism(). */
  constructor(workers: number = availableParallelism()) {
    this.#size = workers;
  }

  /** Threads this pool has, or will start. */
  get size(): number {
    return this.#size;
  }

  /** Whether its threads run already. */
  get started(): boolean {
    return this.#workers.length > 0;
  }

  tryAcquire(): Slot | undefined {
    this.#start();
    return this.#free.pop();
  }

  acquire(): Promise<Slot> {
    const slot = this.tryAcquire();
    if (slot !== undefined) return Promise.resolve(slot);
    const waiter = Promise.withResolvers<Slot>();
    this.#waiting.push(waiter);
    return waiter.promise;
  }

  compress(slot: Slot, job: ChunkJob): Promise<Uint8Array> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const result = Promise.withResolvers<Uint8Array>();
    this.#running.set(slot.index, result);
    this.#queue?.publish(slot.index, job);
    return result.promise;
  }

  release(slot: Slot): void {
    const waiter = this.#waiting.shift();
    if (waiter === undefined) this.#free.push(slot);
    else waiter.resolve(slot);
  }

  /** Ends the threads, after the chunks that are in work; resolves when they are gone. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#queue?.close();
    await Promise.all(this.#exits);
    this.#fail(new Error("Cannot compress: the pool is closed"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #start(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#workers.length > 0) return;
    // One chunk in each thread, one waiting for it, and some being filled or written out.
    const memory = createSlotMemory(Math.min(2 * this.#size + 4, 64));
    this.#memory = memory;
    this.#queue = new SlotQueue(memory);
    for (let index = 0; index < memory.slots.length; index++) {
      const { chunk, before } = slotViews(memory, index);
      this.#slots.push({ index, chunk, dictionary: before });
    }
    this.#free.push(...this.#slots);
    this.#workers = Array.from({ length: this.#size }, () => this.#spawn(memory));
  }

  #spawn(memory: SlotMemory): Worker {
    // Loaded here, because a build that packs nothing has no use for it and would wait for it.
    const { Worker } = process.getBuiltinModule("node:worker_threads");
    // Flags of the process are not for it: with --input-type, for one, no thread starts.
    const worker = new Worker(workerModule(), {
      workerData: memory,
      execArgv: [],
      // What it works on is in shared memory and WebAssembly's; the heap only holds code.
      resourceLimits: { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 64 },
      name: "lading compress",
    });
    this.#exits.push(
      new Promise((resolve) => {
        worker.once("exit", (code) => {
          if (!this.#closing) this.#fail(new Error(`Cannot compress: a worker thread ended with code ${code}`));
          resolve(code);
        });
      }),
    );
    worker.on("message", (index: number) => this.#finish(index));
    worker.once("error", (cause) => this.#fail(new Error("Cannot compress: a worker thread failed", { cause })));
    return worker;
  }

  #finish(index: number): void {
    const result = this.#running.get(index);
    if (result === undefined || this.#memory === undefined || this.#queue === undefined) return;
    this.#running.delete(index);
    result.resolve(slotViews(this.#memory, index).output.subarray(0, this.#queue.outputLength(index)));
  }

  /** Whoever waits for a thread must hear that it will not answer. */
  #fail(error: Error): void {
    this.#failure ??= error;
    for (const result of this.#running.values()) result.reject(this.#failure);
    this.#running.clear();
    for (const waiter of this.#waiting.splice(0)) waiter.reject(this.#failure);
    // The other threads would wait for ever.
    this.#queue?.close();
  }
}

/** Beside this module, with its extension: sources and compiled code both run. */
function workerModule(): URL {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  return new URL(`./compress-worker.${extension}`, import.meta.url);
}
