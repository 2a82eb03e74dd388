import { LENGTH_SYMBOL } from "./memory";

/** Symbol of the end of a block. */
export const END_OF_BLOCK: u32 = 256;
/** Index of the first distance symbol in counts, codes and code lengths. */
export const DISTANCES: u32 = 288;

// RFC 1951 §3.2.5. Every group of four length symbols (two distance symbols) carries one more extra bit.

/** Extra bits of length symbol `257 + index`. */
@inline
export function lengthExtraBits(index: u32): u32 {
  return index < 8 || index == 28 ? 0 : (index >> 2) - 1;
}

/** Smallest length of length symbol `257 + index`, less 3. */
@inline
export function lengthBase(index: u32): u32 {
  if (index == 28) return 255;
  return index < 8 ? index : (4 + (index & 3)) << ((index >> 2) - 1);
}

@inline
export function distanceExtraBits(symbol: u32): u32 {
  return symbol < 4 ? 0 : (symbol >> 1) - 1;
}

/** Symbol of a distance, given the distance less 1. */
@inline
export function distanceSymbol(less1: u32): u32 {
  const log = 31 - clz<u32>(less1 | 1);
  return select<u32>(less1, 2 * log + ((less1 >> (log - 1)) & 1), less1 < 2);
}

/** Index (symbol - 257) of a length, given the length less 3. */
@inline
export function lengthIndex(less3: u32): u32 {
  return load<u8>(LENGTH_SYMBOL + less3);
}

export function fillLengthSymbols(): void {
  for (let index: u32 = 0; index < 29; index++) {
    const base = lengthBase(index);
    for (let i: u32 = 0; i < 1 << lengthExtraBits(index); i++) store<u8>(LENGTH_SYMBOL + base + i, <u8>index);
  }
}
