import { readFileSync } from "node:fs";

/** As for gzip: 1 is the fastest, 9 the smallest. */
export type GzipLevel = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9;

/** The level of `gzip` without a number. */
export const DEFAULT_GZIP_LEVEL: GzipLevel = 6;

/** Farthest a back-reference reaches (RFC 1951 §2). */
const WINDOW = 32_768;

/** Compresses chunks of one deflate stream. One per thread; not reentrant. */
export interface Deflater {
  /** Bytes of the largest chunk `deflate` accepts. */
  readonly chunkSize: number;
  /**
   * Compress a chunk into a byte-aligned run of deflate blocks (RFC 1951): joined in order, the results for
   * consecutive chunks are one stream. They depend on the arguments and the level only: every machine, thread and
   * version of Node gives the same bytes.
   *
   * @param dictionary - The plain bytes before the chunk; the last 32 KiB of them are used.
   * @param last - Whether the stream ends here: the last block says so. Otherwise the run ends with an empty stored
   *   block, which aligns it (a sync flush).
   * @returns A view that is valid until the next call.
   * @throws RangeError when the chunk is larger than `chunkSize`.
   */
  deflate(chunk: Uint8Array, dictionary: Uint8Array, last: boolean): Uint8Array;
}

/** A compressor with memory of its own (4 MiB). The first call in a process compiles the WebAssembly module. */
export function createDeflater(level: GzipLevel = DEFAULT_GZIP_LEVEL): Deflater {
  compiled ??= new WebAssembly.Module(readFileSync(new URL("../../wasm/deflate.wasm", import.meta.url)));
  const { exports } = new WebAssembly.Instance(compiled);
  const memory = new Uint8Array(exports.memory.buffer);
  const chunkAddress = exports.chunkAddress.value;
  const outputAddress = exports.outputAddress.value;
  const chunkSize = exports.chunkSize.value;
  return {
    chunkSize,
    deflate(chunk, dictionary, last) {
      if (chunk.length > chunkSize) {
        throw new RangeError(`Cannot deflate a chunk of ${chunk.length} bytes: the most is ${chunkSize}`);
      }
      const window = dictionary.length > WINDOW ? dictionary.subarray(dictionary.length - WINDOW) : dictionary;
      memory.set(window, chunkAddress - window.length);
      memory.set(chunk, chunkAddress);
      const size = exports.deflate(level, window.length, chunk.length, last ? 1 : 0);
      return memory.subarray(outputAddress, outputAddress + size);
    },
  };
}

let compiled: object | undefined;

/** What `assembly/index.ts` exports. */
interface DeflateExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly chunkAddress: { readonly value: number };
  readonly chunkSize: { readonly value: number };
  readonly outputAddress: { readonly value: number };
  deflate(level: number, dictionarySize: number, chunkSize: number, last: number): number;
}

// Node has it, the types of Node do not.
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: DeflateExports };
};
