import { cutAtEnd, distanceOf, equalBytes, lengthOf, reachAt } from "./match";
import { HASH, LONG_HASH, WINDOW } from "./memory";

// The match finder of most levels: two tables of buckets, one by a hash of 4 bytes, one by a hash of 8. A bucket of
// one, two or four positions is one word, newest lowest, each position the low 16 bits of its address: one load
// yields the candidates, one store ages them, and none waits for another as in a chain. An entry that is too old
// stands for the position within the window that has its low 15 bits: a candidate like any other, because each is
// compared with the data.

/** log2 of the buckets in each table: those of one position have room for twice as many. */
@inline
function hashBits(ways: u32): u32 {
  return ways == 1 ? 16 : 15;
}

/** Shortest match the tables find. */
const SHORTEST: u32 = 4;

@inline
export function clearBuckets(ways4: u32, ways8: u32): void {
  memory.fill(HASH, 0, (<usize>ways4 * 2) << hashBits(ways4));
  memory.fill(LONG_HASH, 0, (<usize>ways8 * 2) << hashBits(ways8));
}

@inline
export function insertInBuckets(ways4: u32, ways8: u32, at: usize): void {
  push(ways4, slot4(ways4, at), at);
  if (ways8 > 0) push(ways8, slot8(ways8, at), at);
}

/** Best match at a position, which joins its buckets. */
@inline
export function findInBuckets(ways4: u32, ways8: u32, at: usize): u32 {
  const entries4 = push(ways4, slot4(ways4, at), at);
  const entries8 = ways8 > 0 ? push(ways8, slot8(ways8, at), at) : 0;
  const a = compare(at, <u32>entries4);
  const b = ways4 > 1 ? compare(at, <u32>(entries4 >> 16)) : 0;
  const c = ways4 > 2 ? compare(at, <u32>(entries4 >> 32)) : 0;
  const d = ways4 > 2 ? compare(at, <u32>(entries4 >> 48)) : 0;
  const e = ways8 > 0 ? compare(at, <u32>entries8) : 0;
  const f = ways8 > 1 ? compare(at, <u32>(entries8 >> 16)) : 0;
  const g = ways8 > 2 ? compare(at, <u32>(entries8 >> 32)) : 0;
  const h = ways8 > 2 ? compare(at, <u32>(entries8 >> 48)) : 0;
  let best = max(max(max(a, b), max(c, d)), max(max(e, f), max(g, h)));
  if (lengthOf(best) < SHORTEST) return 0;
  if (lengthOf(best) >= 16) {
    best = max(max(longer(at, a), longer(at, b)), max(longer(at, c), longer(at, d)));
    best = max(best, max(max(longer(at, e), longer(at, f)), max(longer(at, g), longer(at, h))));
  }
  // Every candidate is within the window, but at the start of a stream there may be no data yet.
  return distanceOf(best) > reachAt(at) ? 0 : cutAtEnd(best, at, SHORTEST);
}

@inline
function slot4(ways: u32, at: usize): usize {
  const hash = (load<u32>(at) * <u32>0x9e3779b1) >> (32 - hashBits(ways));
  return HASH + ((<usize>hash) << (ways == 4 ? 3 : ways));
}

@inline
function slot8(ways: u32, at: usize): usize {
  const hash = (load<u64>(at) * <u64>0x9e3779b97f4a7c15) >> (64 - hashBits(ways));
  return LONG_HASH + ((<usize>hash) << (ways == 4 ? 3 : ways));
}

/** Put a position into its bucket; returns what was there. */
@inline
function push(ways: u32, bucket: usize, at: usize): u64 {
  if (ways == 4) {
    const entries = load<u64>(bucket);
    store<u64>(bucket, (entries << 16) | ((<u64>at) & 0xffff));
    return entries;
  }
  if (ways == 2) {
    const entries = load<u32>(bucket);
    store<u32>(bucket, (entries << 16) | ((<u32>at) & 0xffff));
    return entries;
  }
  const entry = load<u16>(bucket);
  store<u16>(bucket, <u16>at);
  return entry;
}

/** First 16 bytes at a position against those at a candidate, without a branch. */
@inline
function compare(at: usize, entry: u32): u32 {
  const less1 = (<u32>at - 1 - entry) & (WINDOW - 1);
  const there = at - 1 - <usize>less1;
  const equal = i8x16.bitmask(i8x16.eq(v128.load(at), v128.load(there)));
  return (ctz<u32>(~equal) << 16) | (0xffff ^ less1);
}

/** A candidate that agrees in 16 bytes, compared to its end; any other as it is. */
function longer(at: usize, match: u32): u32 {
  if (lengthOf(match) != 16) return match;
  return (equalBytes(at, at - distanceOf(match), 16) << 16) | (match & 0xffff);
}
