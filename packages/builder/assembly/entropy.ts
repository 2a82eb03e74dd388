import { LOG2 } from "./memory";

// Fixed point with 8 fractional bits; integers only, so every machine agrees.

/** `count * log2(count)`, 0 for 0. */
@inline
export function countLog2(count: u32): u32 {
  const log = 31 - clz<u32>(count | 1);
  const mantissa = ((count << (31 - log)) >> 23) & 0xff;
  return count * ((log << 8) + load<u16>(LOG2 + (<usize>mantissa << 1)));
}

/** Fill the table of log2(1 + i / 256) by squaring: each squaring yields the next binary digit. */
export function fillLog2(): void {
  for (let i: u64 = 0; i < 256; i++) {
    let x: u64 = (256 + i) << 22;
    let digits: u32 = 0;
    for (let bit = 0; bit < 9; bit++) {
      x = (x * x) >> 30;
      digits <<= 1;
      if (x >= <u64>1 << 31) {
        digits |= 1;
        x >>= 1;
      }
    }
    store<u16>(LOG2 + (<usize>i << 1), <u16>((digits + 1) >> 1));
  }
}
