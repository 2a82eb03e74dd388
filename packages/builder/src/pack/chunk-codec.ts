import { constants, zstdCompressSync } from "node:zlib";
import { createDeflater, type GzipLevel } from "./deflate.ts";

/*
 * Compression of a layer, one chunk of the tar at a time: what a thread does. Chunks end at fixed
 * places of the tar and each is compressed with nothing but the bytes before it, so the result does not
 * depend on which thread took which chunk. Runs in worker threads: import nothing big here.
 */

export type CompressionKind = "gzip" | "zstd" | "none";

/** How the layers of an image are compressed; parseCompression() makes it. */
export interface Compression {
  readonly kind: CompressionKind;
  /** gzip 1–9, zstd 1–22, none 0. */
  readonly level: number;
}

/** Bytes of the tar compressed at a time. Part of the format of the result: changing it changes every digest. */
export const CHUNK_SIZE = 1 << 20;
/** Bytes before a chunk that deflate may refer to (RFC 1951 §2). */
export const DICTIONARY_SIZE = 1 << 15;
/** Room that any compressed chunk fits in: what both codecs make of random bytes is a chunk and some 200 bytes. */
export const OUTPUT_SIZE = CHUNK_SIZE + (1 << 14);

/** Compresses one chunk; the view returned is valid until the next call. */
export type ChunkCodec = (chunk: Uint8Array, dictionary: Uint8Array, last: boolean) => Uint8Array;

/** A codec with memory of its own: one per thread. */
export function chunkCodec({ kind, level }: Compression): ChunkCodec {
  if (kind === "none") return (chunk) => chunk;
  if (kind === "zstd") {
    // A frame per chunk: readers take concatenated frames as one stream (RFC 8878 §3.1).
    const options = { chunkSize: OUTPUT_SIZE, params: { [constants.ZSTD_c_compressionLevel]: level } };
    return (chunk) => zstdCompressSync(chunk, options);
  }
  const deflater = createDeflater(gzipLevel(level));
  return (chunk, dictionary, last) => deflater.deflate(chunk, dictionary, last);
}

/**
 * Names the implementation whose bytes a compression stands for: equal strings, equal bytes. The
 * deflate compressor is ours and pinned, zstd is the one inside Node.
 */
export function codecVersion({ kind, level }: Compression): string {
  return `${kind}:${level}:${kind === "gzip" ? DEFLATE_VERSION : kind === "zstd" ? process.versions["zstd"] : ""}`;
}

/** To be raised whenever the compressor gives other bytes; the golden digest in pack.test.ts tells. */
const DEFLATE_VERSION = 4;

const gzipLevels: readonly GzipLevel[] = [1, 2, 3, 4, 5, 6, 7, 8, 9];

function gzipLevel(level: number): GzipLevel {
  const known = gzipLevels.find((each) => each === level);
  if (known === undefined) throw new RangeError(`Cannot compress with gzip level ${level}: expected 1 to 9`);
  return known;
}
