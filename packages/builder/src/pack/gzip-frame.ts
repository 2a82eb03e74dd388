import { crc32 } from "node:zlib";

/**
 * The frame round a deflate stream (RFC 1952), written by us: zlib stamps the operating system into
 * it, so the same layer would have another digest on another machine.
 */
export class GzipFrame {
  readonly #level: number;
  #crc = 0;
  #size = 0;

  constructor(level: number) {
    this.#level = level;
  }

  /** The ten bytes before the stream: no name, no time, unknown system. */
  header(): Uint8Array {
    const extraFlags = this.#level === 9 ? 2 : this.#level === 1 ? 4 : 0;
    return Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, extraFlags, 0xff);
  }

  /** Count plain bytes, in order. */
  update(chunk: Uint8Array): void {
    this.#crc = crc32(chunk, this.#crc);
    this.#size += chunk.length;
  }

  /** The eight bytes after the stream. */
  trailer(): Uint8Array {
    const bytes = new DataView(new ArrayBuffer(8));
    bytes.setUint32(0, this.#crc, true);
    bytes.setUint32(4, this.#size % 2 ** 32, true);
    return new Uint8Array(bytes.buffer);
  }
}
