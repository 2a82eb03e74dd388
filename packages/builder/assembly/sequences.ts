import { PIECE_COUNTS, SEQUENCES } from "./memory";
import { DISTANCES, distanceSymbol, lengthIndex } from "./symbols";

// A sequence is a run of literals, then a match: distance - 1 in the low 16 bits, its length (0 = no match) in
// the next 16, the number of literals above.

/** Address after the last sequence. */
export let sequences: usize = SEQUENCES;

/** Forget the sequences before `from`. */
export function resetSequences(from: usize): void {
  const rest = sequences - from;
  memory.copy(SEQUENCES, from, rest);
  sequences = SEQUENCES + rest;
}

@inline
export function addMatch(literals: usize, at: usize, length: u32, distance: u32): void {
  count(257 + lengthIndex(length - 3));
  count(DISTANCES + distanceSymbol(distance - 1));
  store<u64>(sequences, ((<u64>(at - literals)) << 32) | (length << 16) | (distance - 1));
  sequences += 8;
}

/** A run that no match follows, at the end of a piece. */
export function addLiterals(literals: usize, at: usize): void {
  if (at == literals) return;
  store<u64>(sequences, (<u64>(at - literals)) << 32);
  sequences += 8;
}

/** Every literal is counted as it is passed, which costs no branch of its own. */
@inline
export function countLiteral(at: usize): void {
  count(load<u8>(at));
}

@inline
function count(symbol: u32): void {
  const at = PIECE_COUNTS + (<usize>symbol << 2);
  store<u32>(at, load<u32>(at) + 1);
}
