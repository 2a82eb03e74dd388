import { pipeline } from "node:stream/promises";
import { constants, createGunzip, createZstdDecompress } from "node:zlib";
import type { Bytes, Options } from "../content.ts";
import { OciError } from "../errors.ts";
import { cutAtFrames } from "./zstd-frames.ts";

export type Compression = "gzip" | "zstd" | "bzip2" | "xz" | "none";

/** How many bytes of a stream `sniffCompression` wants to see. */
export const sniffLength = 6;

/** What a stream that begins with `head` is compressed with. Media types lie about it; engines do not ask them. */
export function sniffCompression(head: Uint8Array): Compression {
  const starts = (...magic: readonly number[]): boolean => magic.every((byte, i) => head[i] === byte);
  // A skippable frame (RFC 8878 §3.1.2) may come before the first frame of data.
  const skippable =
    head[0] !== undefined && head[0] >> 4 === 5 && head[1] === 0x2a && head[2] === 0x4d && head[3] === 0x18;
  if (starts(0x1f, 0x8b)) return "gzip";
  if (starts(0x28, 0xb5, 0x2f, 0xfd) || skippable) return "zstd";
  // "BZh", the level, and the first bytes of a block or of the end; a tar may begin with the name "BZh".
  if (starts(0x42, 0x5a, 0x68) && (head[4] === 0x31 ? head[5] === 0x41 : head[4] === 0x17)) return "bzip2";
  if (starts(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00)) return "xz";
  return "none";
}

export interface DecompressOptions extends Options {
  /** Most bytes to give out; then OciError LIMIT_EXCEEDED. Default: no limit. */
  readonly maxBytes?: number;
  /** Most bytes out for each byte in, beyond the first MiB. Default: no limit; gzip cannot pass 1032. */
  readonly maxRatio?: number;
}

/**
 * The bytes without their compression, one level of it: gzip (all members), zstd (all frames, a
 * window of at most 128 MiB, as containerd has it), or none. Told by the first bytes.
 *
 * Throws OciError INVALID_ARCHIVE for damage, an early end, or anything but another member after
 * the last one (as Go does), LIMIT_EXCEEDED, and UNSUPPORTED for bzip2 and xz. What `bytes` throws
 * comes through as it is.
 */
export async function* decompress(
  bytes: Bytes,
  options: DecompressOptions = {},
): AsyncGenerator<Uint8Array, void, void> {
  const { maxBytes = Infinity, maxRatio = Infinity, signal } = options;
  const counted = new Counted(bytes, signal);
  const { head, all } = await peek(counted);
  let given = 0;
  for await (const chunk of inflate(all, sniffCompression(head), counted)) {
    given += chunk.byteLength;
    if (given > maxBytes) throw new OciError("LIMIT_EXCEEDED", `Cannot decompress: more than ${maxBytes} bytes`);
    if (given > 1 << 20 && given > counted.bytes * maxRatio)
      throw new OciError("LIMIT_EXCEEDED", `Cannot decompress: more than ${maxRatio} times the compressed size`);
    yield chunk;
  }
}

function inflate(bytes: Bytes, compression: Compression, counted: Counted): Bytes {
  if (compression === "none") return bytes;
  if (compression === "gzip") return gunzip(bytes, counted);
  if (compression === "zstd") {
    const params = { [constants.ZSTD_d_windowLogMax]: 27 };
    return through(cutAtFrames(bytes), createZstdDecompress({ chunkSize, params }), compression);
  }
  throw new OciError("UNSUPPORTED", `Cannot decompress ${compression}`, { hint: "Compress with gzip or zstd instead" });
}

const chunkSize = 256 * 1024;

async function* gunzip(bytes: Bytes, counted: Counted): AsyncGenerator<Uint8Array, void, void> {
  const stream = createGunzip({ chunkSize });
  yield* through(bytes, stream, "gzip");
  // node:zlib stops without a word where zeros follow a member, and whatever follows the zeros.
  const left = counted.bytes - stream.bytesWritten;
  if (left > 0) throw new OciError("INVALID_ARCHIVE", `Cannot decompress gzip: ${left} bytes follow the end`);
}

/** Errors of zlib become ours; those of the source come through. */
async function* through(
  bytes: Bytes,
  stream: ReturnType<typeof createGunzip>,
  compression: Compression,
): AsyncGenerator<Uint8Array, void, void> {
  // Whatever fails destroys the stream, and so reaches the loop below.
  pipeline(bytes, stream).catch(() => {});
  try {
    for await (const chunk of stream) yield chunk;
  } catch (error) {
    if (!(error instanceof Error && "code" in error && /^Z(?:STD)?_/.test(String(error.code)))) throw error;
    throw new OciError("INVALID_ARCHIVE", `Cannot decompress ${compression}: ${error.message}`, { cause: error });
  }
}

/** Bytes that remember how many they were. */
class Counted implements Bytes {
  bytes = 0;
  readonly #source: Bytes;
  readonly #signal: AbortSignal | undefined;

  constructor(source: Bytes, signal: AbortSignal | undefined) {
    this.#source = source;
    this.#signal = signal;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, void> {
    for await (const chunk of this.#source) {
      this.#signal?.throwIfAborted();
      this.bytes += chunk.byteLength;
      yield chunk;
    }
  }
}

/** The first bytes, and all of them again. */
async function peek(bytes: Bytes): Promise<{ head: Uint8Array; all: Bytes }> {
  const chunks = bytes[Symbol.asyncIterator]();
  let head: Uint8Array = new Uint8Array(0);
  let ended = false;
  while (head.byteLength < sniffLength && !ended) {
    const next = await chunks.next();
    if (next.done === true) ended = true;
    else head = head.byteLength === 0 ? next.value : Buffer.concat([head, next.value]);
  }
  async function* all(): AsyncGenerator<Uint8Array, void, void> {
    try {
      if (head.byteLength > 0) yield head;
      for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) yield next.value;
    } finally {
      await chunks.return?.();
    }
  }
  return { head, all: all() };
}
