import { HASH, WINDOW } from "./memory";
import { addLiterals, addMatch } from "./sequences";

// The match finder of the fast levels. A bucket of four positions is one u64, newest lowest, each position the low
// 16 bits of its address: one load yields four candidates, one store ages them. An entry too old for its 16 bits
// is a candidate like any other, because each is compared with the data and its distance checked.

const HASH_BITS: u32 = 13;
/** Shortest match looked for. */
const SHORTEST: u32 = 4;
const LONGEST: u32 = 258;
/** Literals in a row, as a power of two, before the search starts to take larger steps. */
const PATIENCE: usize = 8;
const LARGEST_STEP: usize = 64;
const TOO_FAR_FOR_4: u32 = 4096;

let start: usize = 0;
let end: usize = 0;
/** Where the last match ended. */
let matched: usize = 0;

export function startBuckets(windowStart: usize, chunkStart: usize, chunkEnd: usize): void {
  memory.fill(HASH, 0, <usize>8 << HASH_BITS);
  start = windowStart;
  end = chunkEnd;
  matched = chunkStart;
  for (let at = windowStart; at < chunkStart; at++) insert(at);
}

/** Parse the chunk from `at` into sequences; returns where the last match ended, at or after `pieceEnd`. */
export function parseBuckets(at: usize, pieceEnd: usize): usize {
  return parse(at, pieceEnd, 32);
}

@inline
function parse(from: usize, pieceEnd: usize, nice: u32): usize {
  let literals = from;
  let at = from;
  while (at < pieceEnd) {
    let match = find(at);
    if (match == 0) {
      at += 1 + min((at - matched) >> PATIENCE, LARGEST_STEP);
      continue;
    }
    // at + 1 is worth a look when a longer match there pays for the literal.
    let inserted = at + 1;
    while (match >> 16 < nice && at + 1 < pieceEnd) {
      const next = find(at + 1);
      inserted = at + 2;
      if (score(next) <= score(match) + 1) break;
      match = next;
      at++;
    }
    const length = match >> 16;
    const distance = <u32>0x10000 - (match & 0xffff);
    addMatch(literals, at, length, distance);
    literals = at + length;
    for (at = inserted; at < literals; at++) insert(at);
    matched = at = literals;
  }
  if (at > end) at = end;
  if (literals < at) addLiterals(literals, at);
  return at;
}

@inline
function score(match: u32): u32 {
  const distance = <u32>0x10000 - (match & 0xffff);
  return (match >> 16) * 4 - (31 - clz<u32>(distance)) + 32;
}

@inline
function slot(at: usize): usize {
  return HASH + (<usize>((load<u32>(at) * <u32>0x9e3779b1) >> (32 - HASH_BITS)) << 3);
}

@inline
function insert(at: usize): void {
  const bucket = slot(at);
  store<u64>(bucket, (load<u64>(bucket) << 16) | (<u64>at & 0xffff));
}

/** Best match at a position, which joins its bucket: length << 16 | 0x10000 - distance, or 0. */
@inline
function find(at: usize): u32 {
  const bucket = slot(at);
  const entries = load<u64>(bucket);
  store<u64>(bucket, (entries << 16) | (<u64>at & 0xffff));
  const reach = min<u32>(WINDOW, <u32>(at - start));
  const a = compare(at, <u32>entries, reach);
  const b = compare(at, <u32>(entries >> 16), reach);
  const c = compare(at, <u32>(entries >> 32), reach);
  const d = compare(at, <u32>(entries >> 48), reach);
  let best = max(max(a, b), max(c, d));
  if (best < SHORTEST << 16) return 0;
  if (best >= 16 << 16) best = extend(at, best, a, b, c, d);
  const room = <u32>(end - at);
  if (best >> 16 > room) {
    if (room < SHORTEST) return 0;
    best = (room << 16) | (best & 0xffff);
  }
  if (best >> 16 == 4 && <u32>0x10000 - (best & 0xffff) > TOO_FAR_FOR_4) return 0;
  return best;
}

/** First 16 bytes at a position against those at a candidate, without a branch. */
@inline
function compare(at: usize, entry: u32, reach: u32): u32 {
  const less1 = (<u32>at - entry - 1) & 0xffff;
  const there = at - 1 - <usize>less1;
  const equal = i8x16.bitmask(i8x16.eq(v128.load(at), v128.load(there)));
  return select<u32>((ctz<u32>(~equal) << 16) | (0xffff - less1), 0, less1 < reach);
}

/** Compare candidates that agree in 16 bytes to their ends. */
function extend(at: usize, best: u32, a: u32, b: u32, c: u32, d: u32): u32 {
  if (a >> 16 == 16) best = max(best, longer(at, a));
  if (b >> 16 == 16) best = max(best, longer(at, b));
  if (c >> 16 == 16) best = max(best, longer(at, c));
  if (d >> 16 == 16) best = max(best, longer(at, d));
  return best;
}

@inline
function longer(at: usize, match: u32): u32 {
  const there = at - (0x10000 - (match & 0xffff));
  let length: u32 = 16;
  while (length < LONGEST) {
    const differs = load<u64>(at + length) ^ load<u64>(there + length);
    if (differs != 0) {
      length += <u32>(ctz(differs) >> 3);
      break;
    }
    length += 8;
  }
  return (min(length, LONGEST) << 16) | (match & 0xffff);
}
