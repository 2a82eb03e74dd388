import { out, startBits, writeBits, bitCount } from "./bits";
import { addPiece, fillFixedCodes, finishBlocks, startBlocks } from "./block";
import { fillExtraBits } from "./estimate";
import { parseLevel, startLevel } from "./levels";
import { CHUNK, CHUNK_SIZE, OUTPUT, PADDING, WINDOW } from "./memory";
import { sequences } from "./sequences";
import { fillLengthSymbols } from "./symbols";

/** Bytes between two looks at whether a new block would pay. */
const PIECE: usize = 1 << 13;

export const chunkAddress: usize = CHUNK;
export const chunkSize: u32 = CHUNK_SIZE;
export const outputAddress: usize = OUTPUT;

fillLengthSymbols();
fillExtraBits();
fillFixedCodes();

/** Compress the `size` bytes at `chunkAddress`, `dictionary` bytes precede them; returns the bytes of output. */
export function deflate(level: u32, dictionary: u32, size: u32, last: u32): u32 {
  const end = CHUNK + size;
  memory.fill(end, 0, PADDING);
  // Read, never referred to: what an earlier chunk left must not decide anything.
  memory.fill(CHUNK - WINDOW, 0, WINDOW - dictionary);
  startBits(OUTPUT);
  startBlocks(CHUNK);
  startLevel(level, CHUNK - dictionary, CHUNK, end);
  let at: usize = CHUNK;
  while (at < end) {
    const before = sequences;
    at = parseLevel(level, at, min(at + PIECE, end));
    addPiece(at, before);
  }
  finishBlocks(last);
  if (last) {
    if (bitCount > 0) writeBits(0, 8 - bitCount);
  } else {
    writeBits(0, 3);
    if (bitCount > 0) writeBits(0, 8 - bitCount);
    writeBits(0xffff0000, 32);
  }
  return <u32>(out - OUTPUT);
}
