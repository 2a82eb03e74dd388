import { parentPort, workerData } from "node:worker_threads";
import { type ChunkCodec, chunkCodec } from "./chunk-codec.ts";
import { type SlotMemory, SlotQueue } from "./slot-memory.ts";

/*
 * A thread of CompressPool. It never returns to its event loop: it waits on the shared queue, and an
 * exception ends it, which the pool hears of.
 */

const memory: SlotMemory = workerData;
const queue = new SlotQueue(memory);
const codecs = new Map<string, ChunkCodec>();

for (let job = queue.claim(); job !== undefined; job = queue.claim()) {
  const { kind, level } = job.compression;
  const key = `${kind}:${level}`;
  const codec = codecs.get(key) ?? chunkCodec(job.compression);
  codecs.set(key, codec);
  queue.store(job.index, codec(job.chunk, job.dictionary, job.last));
  parentPort?.postMessage(job.index);
}
