import { out, resumeBits, bits, bitCount, writeBits, writeStored } from "./bits";
import { estimate } from "./estimate";
import { prepareHeader, writeHeader } from "./header";
import { assignCodes, buildCode } from "./huffman";
import { BLOCK_COUNTS, CODE_LENGTHS, CODES, FIXED_CODES, LENGTH_CODES, NO_COUNTS, PIECE_COUNTS, SEQUENCES } from "./memory";
import { sequences, resetSequences } from "./sequences";
import {
  DISTANCES,
  distanceExtraBits,
  distanceSymbol,
  END_OF_BLOCK,
  lengthBase,
  lengthExtraBits,
  lengthIndex,
} from "./symbols";

/** Codewords of literals and lengths: 14 bits, so that four of them fit between two flushes of the bit buffer. */
const LITERAL_LIMIT: u32 = 14;
const DISTANCE_LIMIT: u32 = 15;
/** A block ends before its sequences could outgrow their memory. */
const BLOCK_SIZE: u32 = 1 << 18;

let blockStart: usize = 0;
let blockEnd: usize = 0;
let blockCost: u32 = 0;

export function startBlocks(at: usize): void {
  blockStart = at;
  blockEnd = at;
}

export function fillFixedCodes(): void {
  for (let symbol: usize = 0; symbol < 288; symbol++) {
    store<u8>(CODE_LENGTHS + symbol, symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8);
  }
  assignCodes(288, CODE_LENGTHS, FIXED_CODES);
  memory.fill(CODE_LENGTHS, 5, 32);
  assignCodes(32, CODE_LENGTHS, FIXED_CODES + DISTANCES * 4);
}

/**
 * The piece up to `end` is parsed: join it to the block being collected, or write that block first if the two
 * cost less apart.
 */
export function addPiece(end: usize, sequencesBefore: usize): void {
  const pieceCost = min(estimate(PIECE_COUNTS, NO_COUNTS), storedSize(<u32>(end - blockEnd)));
  if (blockEnd > blockStart) {
    const joined = min(estimate(PIECE_COUNTS, BLOCK_COUNTS), storedSize(<u32>(end - blockStart)));
    if (joined > blockCost + pieceCost || <u32>(end - blockStart) > BLOCK_SIZE) {
      writeBlock(sequencesBefore, 0);
      resetSequences(sequencesBefore);
      blockCost = pieceCost;
      memory.copy(BLOCK_COUNTS, PIECE_COUNTS, 320 * 4);
    } else {
      blockCost = joined;
      for (let i: usize = 0; i < 320 * 4; i += 16) {
        v128.store(BLOCK_COUNTS + i, i32x4.add(v128.load(BLOCK_COUNTS + i), v128.load(PIECE_COUNTS + i)));
      }
    }
  } else {
    blockCost = pieceCost;
    memory.copy(BLOCK_COUNTS, PIECE_COUNTS, 320 * 4);
  }
  memory.fill(PIECE_COUNTS, 0, 320 * 4);
  blockEnd = end;
}

/** Write what is left as the chunk's last block. */
export function finishBlocks(last: u32): void {
  if (blockEnd > blockStart) writeBlock(sequences, last);
  else if (last) writeBits(0b011, 10);
  resetSequences(sequences);
}

/** Write the block in the smallest of the three forms. */
function writeBlock(sequencesEnd: usize, last: u32): void {
  const size = <u32>(blockEnd - blockStart);
  store<u32>(BLOCK_COUNTS + END_OF_BLOCK * 4, 1);
  buildCode(BLOCK_COUNTS, 286, LITERAL_LIMIT, CODE_LENGTHS, CODES);
  buildCode(BLOCK_COUNTS + DISTANCES * 4, 30, DISTANCE_LIMIT, CODE_LENGTHS + DISTANCES, CODES + DISTANCES * 4);
  const dynamic = prepareHeader() + bodySize(CODES);
  const fixed = bodySize(FIXED_CODES);
  const stored = storedSize(size);
  if (stored <= min(dynamic, fixed)) {
    for (; blockStart < blockEnd; blockStart += 65535) {
      const rest = <u32>(blockEnd - blockStart);
      writeStored(blockStart, min<u32>(rest, 65535), rest > 65535 ? 0 : last);
    }
  } else if (fixed <= dynamic) {
    writeBits((1 << 1) | last, 3);
    writeBody(FIXED_CODES, sequencesEnd);
  } else {
    writeBits((2 << 1) | last, 3);
    writeHeader();
    writeBody(CODES, sequencesEnd);
  }
  blockStart = blockEnd;
}

/** Bits of stored blocks for so many bytes. */
@inline
function storedSize(size: u32): u32 {
  return 8 * size + 40 * ((size + 65534) / 65535);
}

/** Bits of the block after its header, with the given codes. */
function bodySize(codes: usize): u32 {
  let size: u32 = 0;
  for (let symbol: u32 = 0; symbol < 286; symbol++) {
    const n = load<u32>(BLOCK_COUNTS + ((<usize>symbol) << 2));
    const extra = symbol > 264 ? lengthExtraBits(symbol - 257) : 0;
    size += n * ((load<u32>(codes + ((<usize>symbol) << 2)) >> 16) + extra);
  }
  for (let symbol: u32 = 0; symbol < 30; symbol++) {
    const n = load<u32>(BLOCK_COUNTS + ((<usize>(symbol + DISTANCES)) << 2));
    size += n * ((load<u32>(codes + ((<usize>(symbol + DISTANCES)) << 2)) >> 16) + distanceExtraBits(symbol));
  }
  return size;
}

/** Write the sequences and the end of the block. */
function writeBody(codes: usize, sequencesEnd: usize): void {
  fillLengthCodes(codes);
  let at = out;
  let rest = bits;
  let count = bitCount;
  let literal = blockStart;
  for (let next = SEQUENCES; next < sequencesEnd; next += 8) {
    const sequence = load<u64>(next);
    const run = <u32>(sequence >> 32);
    const matched = literal + run;
    while (literal + 4 <= matched) {
      const quad = load<u32>(literal);
      const a = load<u32>(codes + ((quad & 0xff) << 2));
      const b = load<u32>(codes + ((quad >> 6) & 0x3fc));
      const c = load<u32>(codes + ((quad >> 14) & 0x3fc));
      const d = load<u32>(codes + ((quad >> 22) & 0x3fc));
      rest |= <u64>(a & 0xffff) << count;
      count += a >> 16;
      rest |= <u64>(b & 0xffff) << count;
      count += b >> 16;
      rest |= <u64>(c & 0xffff) << count;
      count += c >> 16;
      rest |= <u64>(d & 0xffff) << count;
      count += d >> 16;
      store<u64>(at, rest);
      at += <usize>(count >> 3);
      rest >>= count & 56;
      count &= 7;
      literal += 4;
    }
    // Up to three more: codewords of no bits stand in for the missing ones, a branch would be mispredicted.
    const quad = load<u32>(literal);
    const more = matched - literal;
    const a = select<u32>(load<u32>(codes + ((quad & 0xff) << 2)), 0, more > 0);
    const b = select<u32>(load<u32>(codes + ((quad >> 6) & 0x3fc)), 0, more > 1);
    const c = select<u32>(load<u32>(codes + ((quad >> 14) & 0x3fc)), 0, more > 2);
    rest |= <u64>(a & 0xffff) << count;
    count += a >> 16;
    rest |= <u64>(b & 0xffff) << count;
    count += b >> 16;
    rest |= <u64>(c & 0xffff) << count;
    count += c >> 16;
    store<u64>(at, rest);
    at += <usize>(count >> 3);
    rest >>= count & 56;
    count &= 7;
    literal = matched;

    const length = <u32>(sequence >> 16) & 0xffff;
    if (length == 0) continue;
    literal += length;
    const lengthCode = load<u32>(LENGTH_CODES + ((<usize>(length - 3)) << 2));
    rest |= (<u64>(lengthCode & 0xffffff)) << count;
    count += lengthCode >> 24;
    const distance = <u32>sequence & 0xffff;
    const symbol = distanceSymbol(distance);
    const code = load<u32>(codes + ((<usize>(DISTANCES + symbol)) << 2));
    rest |= (<u64>(code & 0xffff)) << count;
    count += code >> 16;
    // The extra bits are the low bits of the distance less 1, below its symbol's one or two leading bits.
    const extra = distanceExtraBits(symbol);
    rest |= (<u64>(distance & (((<u32>1) << extra) - 1))) << count;
    count += extra;
    store<u64>(at, rest);
    at += <usize>(count >> 3);
    rest >>= count & 56;
    count &= 7;
  }
  resumeBits(at, rest, count);
  const end = load<u32>(codes + END_OF_BLOCK * 4);
  writeBits(end & 0xffff, end >> 16);
}

function fillLengthCodes(codes: usize): void {
  for (let less3: u32 = 0; less3 < 256; less3++) {
    const index = lengthIndex(less3);
    const code = load<u32>(codes + ((<usize>(257 + index)) << 2));
    const count = code >> 16;
    const word = (code & 0xffff) | ((less3 - lengthBase(index)) << count);
    store<u32>(LENGTH_CODES + ((<usize>less3) << 2), word | ((count + lengthExtraBits(index)) << 24));
  }
}
