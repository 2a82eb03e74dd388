import { cutAtEnd, equalBytes, lengthOf, reachAt } from "./match";
import { CHAINS, HASH, SHORT_HASH } from "./memory";

// The match finder of the highest levels: every position is linked to the one before it with the same hash of 4
// bytes, so a search can go back as far as it has patience; one more table finds the nearest match of 3 bytes.
// Positions are the low 16 bits of addresses, as in `buckets.ts`.

const HASH_BITS: u32 = 16;
const SHORT_HASH_BITS: u32 = 14;
/** A match of 3 bytes from farther away costs more than three literals. */
const SHORT_REACH: u32 = 2048;

export function clearChains(): void {
  memory.fill(HASH, 0, (<usize>2) << HASH_BITS);
  memory.fill(SHORT_HASH, 0, (<usize>2) << SHORT_HASH_BITS);
  memory.fill(CHAINS, 0, 2 * 32768);
}

@inline
export function insertInChains(at: usize): void {
  link(at);
  store<u16>(shortSlot(at), <u16>at);
}

/** Best match at a position, which joins its chain, after at most `depth` comparisons. */
export function findInChains(depth: u32, nice: u32, at: usize): u32 {
  const reach = reachAt(at);
  let best: u32 = 0;
  const slot = shortSlot(at);
  const near = (<u32>at - load<u16>(slot) - 1) & 0xffff;
  store<u16>(slot, <u16>at);
  if (near < min(reach, SHORT_REACH) && (load<u32>(at) ^ load<u32>(at - near - 1)) << 8 == 0) {
    best = (3 << 16) | (0xffff - near);
  }

  let entry = link(at);
  let length: u32 = 3;
  let passed: i32 = -1;
  const word = load<u32>(at);
  for (; depth > 0; depth--) {
    const less1 = (<u32>at - entry - 1) & 0xffff;
    // An entry that is no farther than the one before has been overwritten: the chain ends.
    if (less1 >= reach || <i32>less1 <= passed) break;
    passed = <i32>less1;
    const there = at - less1 - 1;
    if (load<u32>(there + length - 3) == load<u32>(at + length - 3) && load<u32>(there) == word) {
      const equal = equalBytes(at, there, 4);
      if (equal > length) {
        length = equal;
        best = (equal << 16) | (0xffff - less1);
        if (equal >= nice) break;
      }
    }
    entry = load<u16>(CHAINS + ((there & 32767) << 1));
  }
  return cutAtEnd(best, at, 3);
}

/** Put a position at the head of its chain; returns the head before. */
@inline
function link(at: usize): u32 {
  const head = HASH + ((<usize>((load<u32>(at) * <u32>0x9e3779b1) >> (32 - HASH_BITS))) << 1);
  const entry = load<u16>(head);
  store<u16>(head, <u16>at);
  store<u16>(CHAINS + ((at & 32767) << 1), entry);
  return entry;
}

@inline
function shortSlot(at: usize): usize {
  return SHORT_HASH + ((<usize>(((load<u32>(at) << 8) * <u32>0x9e3779b1) >> (32 - SHORT_HASH_BITS))) << 1);
}
