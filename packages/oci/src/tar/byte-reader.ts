import type { Bytes } from "../content.ts";
import { OciError } from "../errors.ts";

/** Reads a stream of chunks in pieces of the reader's choosing; what lies within a chunk is not copied. */
export class ByteReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #limit: number;
  readonly #signal: AbortSignal | undefined;
  #chunk: Uint8Array = new Uint8Array(0);
  #at = 0;
  /** Bytes of all chunks so far. */
  #received = 0;
  #ended = false;

  /** `limit`: bytes after which reading fails with OciError LIMIT_EXCEEDED. */
  constructor(bytes: Bytes, limit: number, signal: AbortSignal | undefined) {
    this.#chunks = bytes[Symbol.asyncIterator]();
    this.#limit = limit;
    this.#signal = signal;
  }

  /** Bytes taken or skipped so far. */
  get position(): number {
    return this.#received - this.#chunk.byteLength + this.#at;
  }

  /** `length` bytes, or undefined when they do not lie in the chunk at hand; no waiting. */
  takeNow(length: number): Uint8Array | undefined {
    const end = this.#at + length;
    if (end > this.#chunk.byteLength) return undefined;
    const taken = this.#chunk.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }

  /** At least one and at most `max` bytes of the chunk at hand; undefined when it is used up. */
  takeSome(max: number): Uint8Array | undefined {
    const left = this.#chunk.byteLength - this.#at;
    return left === 0 ? undefined : this.takeNow(Math.min(max, left));
  }

  /** `length` bytes; fewer only where the stream ends. */
  async take(length: number): Promise<Uint8Array> {
    const now = this.takeNow(length);
    if (now !== undefined) return now;
    const parts: Uint8Array[] = [];
    for (let missing = length; missing > 0;) {
      const part = this.takeSome(missing);
      if (part !== undefined) {
        parts.push(part);
        missing -= part.byteLength;
      } else if (!(await this.fill())) break;
    }
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
  }

  /** Passes over `length` bytes and returns how many of them the stream did not have. */
  async skip(length: number): Promise<number> {
    for (let missing = length; ;) {
      const step = Math.min(missing, this.#chunk.byteLength - this.#at);
      this.#at += step;
      missing -= step;
      if (missing === 0 || !(await this.fill())) return missing;
    }
  }

  /** Reads to the end of the stream. */
  async drain(): Promise<void> {
    do this.#at = this.#chunk.byteLength;
    while (await this.fill());
  }

  /** Gets the next chunk when the one at hand is used up; false at the end of the stream. */
  async fill(): Promise<boolean> {
    while (this.#at === this.#chunk.byteLength && !this.#ended) {
      this.#signal?.throwIfAborted();
      const next = await this.#chunks.next();
      if (next.done === true) {
        this.#ended = true;
        return false;
      }
      this.#chunk = next.value;
      this.#at = 0;
      this.#received += next.value.byteLength;
      if (this.#received > this.#limit)
        throw new OciError("LIMIT_EXCEEDED", `Cannot read archive: more than ${this.#limit} bytes`);
    }
    return !this.#ended;
  }

  /** Lets the stream go, wherever it is. */
  async close(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    await this.#chunks.return?.();
  }
}
