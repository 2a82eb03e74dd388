import { writeBits } from "./bits";
import { buildCode } from "./huffman";
import { CODE_LENGTHS, RUN_CODES, RUN_COUNTS, RUN_LENGTHS, RUNS } from "./memory";
import { DISTANCES } from "./symbols";

// The code lengths at the head of a dynamic block (RFC 1951 §3.2.7).

let literals: u32 = 0;
let distances: u32 = 0;
let runsEnd: usize = 0;
let lengthCodes: u32 = 0;

/** Run-length code CODE_LENGTHS into RUNS; returns the size of the header in bits. */
export function prepareHeader(): u32 {
  literals = 286;
  while (literals > 257 && load<u8>(CODE_LENGTHS + literals - 1) == 0) literals--;
  distances = 30;
  while (distances > 1 && load<u8>(CODE_LENGTHS + DISTANCES + distances - 1) == 0) distances--;

  memory.fill(RUN_COUNTS, 0, 19 * 4);
  runsEnd = RUNS;
  const total = literals + distances;
  for (let i: u32 = 0; i < total; ) {
    const length = lengthAt(i);
    let run: u32 = 1;
    while (i + run < total && lengthAt(i + run) == length) run++;
    i += run;
    if (length == 0) {
      while (run >= 11) {
        const n = min<u32>(run, 138);
        addRun(18, n - 11);
        run -= n;
      }
      if (run >= 3) {
        addRun(17, run - 3);
        run = 0;
      }
    } else if (run >= 4) {
      addRun(length, 0);
      run--;
      while (run >= 3) {
        const n = min<u32>(run, 6);
        addRun(16, n - 3);
        run -= n;
      }
    }
    for (; run > 0; run--) addRun(length, 0);
  }

  buildCode(RUN_COUNTS, 19, 7, RUN_LENGTHS, RUN_CODES);
  lengthCodes = 19;
  while (lengthCodes > 4 && load<u8>(RUN_LENGTHS + lengthOrder(lengthCodes - 1)) == 0) lengthCodes--;
  let size = 5 + 5 + 4 + 3 * lengthCodes;
  for (let symbol: u32 = 0; symbol < 19; symbol++) {
    size += load<u32>(RUN_COUNTS + (<usize>symbol << 2)) * (load<u8>(RUN_LENGTHS + symbol) + runExtraBits(symbol));
  }
  return size;
}

export function writeHeader(): void {
  writeBits((literals - 257) | ((distances - 1) << 5) | ((lengthCodes - 4) << 10), 14);
  for (let i: u32 = 0; i < lengthCodes; i++) writeBits(load<u8>(RUN_LENGTHS + lengthOrder(i)), 3);
  for (let at = RUNS; at < runsEnd; at += 2) {
    const symbol = <u32>load<u8>(at);
    const code = load<u32>(RUN_CODES + (<usize>symbol << 2));
    writeBits(code & 0xffff, code >> 16);
    writeBits(load<u8>(at + 1), runExtraBits(symbol));
  }
}

@inline
function lengthAt(i: u32): u32 {
  return load<u8>(CODE_LENGTHS + (i < literals ? i : DISTANCES + i - literals));
}

@inline
function addRun(symbol: u32, extra: u32): void {
  store<u8>(runsEnd, <u8>symbol);
  store<u8>(runsEnd + 1, <u8>extra);
  runsEnd += 2;
  const at = RUN_COUNTS + (<usize>symbol << 2);
  store<u32>(at, load<u32>(at) + 1);
}

@inline
function runExtraBits(symbol: u32): u32 {
  return symbol < 16 ? 0 : symbol == 16 ? 2 : symbol == 17 ? 3 : 7;
}

/** 16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15 */
@inline
function lengthOrder(i: u32): u32 {
  if (i < 3) return 16 + i;
  if (i == 3) return 0;
  return (i & 1) == 0 ? 6 + (i >> 1) : 9 - (i >> 1);
}
