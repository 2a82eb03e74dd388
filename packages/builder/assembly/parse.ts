import { clearBuckets, findInBuckets, insertInBuckets } from "./buckets";
import { clearChains, findInChains, insertInChains } from "./chains";
import { distanceOf, lengthOf, LONGEST, setWindow } from "./match";
import { addLiterals, addMatch, countLiteral } from "./sequences";

/** Literals in a row, as a power of two, before the search starts to take larger steps. */
const PATIENCE: usize = 8;
const LARGEST_STEP: usize = 64;

/** Where the last match ended. */
let matched: usize = 0;

/** Forget every position but those of the dictionary. With `ways4` 0, `ways8` is the depth of chains. */
@inline
export function startParse(ways4: u32, ways8: u32, windowStart: usize, chunkStart: usize, chunkEnd: usize): void {
  if (ways4 > 0) clearBuckets(ways4, ways8);
  else clearChains();
  setWindow(windowStart, chunkEnd);
  matched = chunkStart;
  for (let at = windowStart; at < chunkStart; at++) insert(ways4, ways8, at);
}

/**
 * Parse the chunk from `from` into sequences; returns where the last match ended, at or after `pieceEnd`. Inlined
 * into a function for each level, where all but the last two arguments are constants.
 *
 * @param nice - A shorter match is compared with those of the next positions, and all of its own are remembered.
 * @param ahead - How many of these: 0 takes every match as it comes.
 */
@inline
export function parse(ways4: u32, ways8: u32, nice: u32, ahead: u32, from: usize, pieceEnd: usize): usize {
  let literals = from;
  let at = from;
  while (at < pieceEnd) {
    let match = find(ways4, ways8, nice, at);
    if (match == 0) {
      // Data without matches is not worth a search at every byte.
      const next = min(at + 1 + min((at - matched) >> PATIENCE, LARGEST_STEP), pieceEnd);
      do countLiteral(at);
      while (++at < next);
      continue;
    }
    let inserted = at + 1;
    if (ahead > 0) {
      while (lengthOf(match) < nice && inserted < pieceEnd) {
        const next = find(ways4, ways8, nice, inserted);
        inserted++;
        // A longer match at the next position must pay for the literal.
        if (score(next) > score(match) + 1) {
          match = next;
          countLiteral(at++);
          continue;
        }
        if (ahead == 1 || inserted >= pieceEnd) break;
        const second = find(ways4, ways8, nice, inserted);
        inserted++;
        if (score(second) <= score(match) + 6) break;
        match = second;
        countLiteral(at++);
        countLiteral(at++);
      }
    }
    const length = lengthOf(match);
    addMatch(literals, at, length, distanceOf(match));
    literals = at + length;
    // Whoever finds the start of a long match again needs little of its inside, and the longest are mostly runs of
    // one byte: every position of those would age the others out.
    const stride: usize = length < nice ? 1 : length < 2 * nice ? 2 : length < LONGEST ? 4 : 8;
    for (at = inserted; at < literals; at += stride) insert(ways4, ways8, at);
    matched = at = literals;
  }
  if (literals < at) addLiterals(literals, at);
  return at;
}

@inline
function find(ways4: u32, ways8: u32, nice: u32, at: usize): u32 {
  return ways4 > 0 ? findInBuckets(ways4, ways8, at) : findInChains(ways8, nice, at);
}

@inline
function insert(ways4: u32, ways8: u32, at: usize): void {
  if (ways4 > 0) insertInBuckets(ways4, ways8, at);
  else insertInChains(at);
}

/** What a match saves, in quarters of a byte or so: its length, less the bits of its distance. */
@inline
function score(match: u32): u32 {
  return 4 * lengthOf(match) + clz<u32>(distanceOf(match));
}
