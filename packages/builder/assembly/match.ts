import { WINDOW } from "./memory";

// A match is `length << 16 | 0x10000 - distance`, 0 for none: of two, the longer is the larger number, of two that
// are equally long, the nearer.

export const SHORTEST: u32 = 3;
export const LONGEST: u32 = 258;

/** First byte that a match may refer to. */
export let windowStart: usize = 0;
/** End of the chunk, which no match exceeds. */
export let chunkEnd: usize = 0;

export function setWindow(start: usize, end: usize): void {
  windowStart = start;
  chunkEnd = end;
}

/** Farthest distance allowed at a position. */
@inline
export function reachAt(at: usize): u32 {
  return min<u32>(WINDOW, <u32>(at - windowStart));
}

@inline
export function lengthOf(match: u32): u32 {
  return match >> 16;
}

@inline
export function distanceOf(match: u32): u32 {
  return 0x10000 - (match & 0xffff);
}

/** Equal bytes at two positions, `known` of them for certain; at most 258. */
@inline
export function equalBytes(at: usize, there: usize, known: u32): u32 {
  let length = known;
  while (length < LONGEST) {
    const differs = load<u64>(at + length) ^ load<u64>(there + length);
    if (differs != 0) return min(length + <u32>(ctz(differs) >> 3), LONGEST);
    length += 8;
  }
  return LONGEST;
}

/** The match, cut at the end of the chunk; 0 when that leaves less than `shortest`. */
@inline
export function cutAtEnd(match: u32, at: usize, shortest: u32): u32 {
  const room = <u32>(chunkEnd - at);
  if (lengthOf(match) <= room) return match;
  return room < shortest ? 0 : (room << 16) | (match & 0xffff);
}
