import type { Bytes } from "../content.ts";
import { OciError } from "../errors.ts";

/**
 * The same bytes, cut so that no chunk reaches from one Zstandard frame into the next. node:zlib
 * stops at the end of the first frame unless the next begins in a chunk of its own, and silently:
 * layers written by several workers are many frames.
 *
 * Throws OciError INVALID_ARCHIVE where no frame begins or the bytes end within one (RFC 8878 §3.1).
 */
export async function* cutAtFrames(bytes: Bytes): AsyncGenerator<Uint8Array, void, void> {
  const walk = new FrameWalk();
  for await (const chunk of bytes)
    for (let at = 0; at < chunk.byteLength;) {
      const end = walk.advance(chunk, at);
      yield chunk.subarray(at, end);
      at = end;
    }
  if (!walk.between) throw new OciError("INVALID_ARCHIVE", "Cannot decompress zstd: unexpected end of file");
}

/** Follows frame and block headers; what they describe is passed over unseen. */
class FrameWalk {
  /** The header being collected: at most 5 bytes matter (magic and frame header descriptor). */
  readonly #header = new Uint8Array(8);
  #have = 0;
  #wanted = 4;
  #part: "magic" | "skippable" | "frame" | "block" = "magic";
  #skip = 0;
  #endsAfterSkip = false;
  #checksum = 0;

  /** Whether what came so far ends with a whole frame. */
  get between(): boolean {
    return this.#part === "magic" && this.#have === 0 && this.#skip === 0;
  }

  /** Walks on from `at` to the end of the frame or of the chunk, and returns where that is. */
  advance(chunk: Uint8Array, at: number): number {
    let here = at;
    for (;;) {
      const passed = Math.min(this.#skip, chunk.byteLength - here);
      this.#skip -= passed;
      here += passed;
      if (this.#skip === 0 && this.#endsAfterSkip) {
        this.#endsAfterSkip = false;
        this.#expect("magic", 4);
        return here;
      }
      if (here === chunk.byteLength) return here;
      this.#header[this.#have++] = chunk[here++] ?? 0;
      if (this.#have === this.#wanted) this.#understand();
    }
  }

  #expect(part: "magic" | "skippable" | "frame" | "block", bytes: number): void {
    this.#part = part;
    this.#wanted = bytes;
    this.#have = 0;
  }

  #end(bytes: number): void {
    this.#skip = bytes;
    this.#endsAfterSkip = true;
  }

  #understand(): void {
    const [a = 0, b = 0, c = 0, d = 0] = this.#header;
    const value = (a | (b << 8) | (c << 16) | (d << 24)) >>> 0;
    switch (this.#part) {
      case "magic":
        if (value === 0xfd2fb528) this.#expect("frame", 1);
        else if (value >>> 4 === 0x184d2a5) this.#expect("skippable", 4);
        else throw new OciError("INVALID_ARCHIVE", "Cannot decompress zstd: no frame begins where the last one ended");
        break;
      case "skippable":
        this.#have = 0;
        this.#end(value);
        break;
      case "frame": {
        const single = (a >> 5) & 1;
        this.#checksum = (a & 4) === 0 ? 0 : 4;
        const contentSize = [single, 2, 4, 8][a >> 6] ?? 0;
        this.#skip = 1 - single + ([0, 1, 2, 4][a & 3] ?? 0) + contentSize;
        this.#expect("block", 3);
        break;
      }
      case "block": {
        const bits = a | (b << 8) | (c << 16);
        const size = ((bits >> 1) & 3) === 1 ? 1 : bits >> 3;
        this.#have = 0;
        if ((bits & 1) === 1) this.#end(size + this.#checksum);
        else this.#skip = size;
        break;
      }
    }
  }
}
