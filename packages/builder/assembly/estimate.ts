import { EXTRA_BITS } from "./memory";
import { DISTANCES, distanceExtraBits, lengthExtraBits } from "./symbols";

/** Bits that the head of a dynamic block takes, roughly. */
const HEADER: u32 = 600;

/**
 * Bits of a dynamic block with the sum of two histograms, by their entropy. Single precision, in a fixed order of
 * operations that WebAssembly defines to the last bit: every machine decides alike.
 */
export function estimate(a: usize, b: usize): u32 {
  let total = f32x4.splat(0);
  let cost = f32x4.splat(0);
  for (let i: usize = 0; i < DISTANCES * 4; i += 16) {
    const n = f32x4.convert_i32x4_u(i32x4.add(v128.load(a + i), v128.load(b + i)));
    total = f32x4.add(total, n);
    cost = f32x4.add(cost, f32x4.mul(n, f32x4.sub(v128.load(EXTRA_BITS + i), log2(n))));
  }
  let sum = lanes(cost) + countLog2(lanes(total));
  total = f32x4.splat(0);
  cost = f32x4.splat(0);
  for (let i: usize = DISTANCES * 4; i < 320 * 4; i += 16) {
    const n = f32x4.convert_i32x4_u(i32x4.add(v128.load(a + i), v128.load(b + i)));
    total = f32x4.add(total, n);
    cost = f32x4.add(cost, f32x4.mul(n, f32x4.sub(v128.load(EXTRA_BITS + i), log2(n))));
  }
  sum += lanes(cost) + countLog2(lanes(total));
  return HEADER + <u32>sum;
}

export function fillExtraBits(): void {
  memory.fill(EXTRA_BITS, 0, 320 * 4);
  for (let index: u32 = 0; index < 29; index++) {
    store<f32>(EXTRA_BITS + (<usize>(257 + index) << 2), <f32>lengthExtraBits(index));
  }
  for (let symbol: u32 = 0; symbol < 30; symbol++) {
    store<f32>(EXTRA_BITS + (<usize>(DISTANCES + symbol) << 2), <f32>distanceExtraBits(symbol));
  }
}

/** log2 of four counts (of 0: 0), exact for powers of two, within 0.01: the mantissa by a parabola. */
@inline
function log2(counts: v128): v128 {
  const n = f32x4.max(counts, f32x4.splat(1));
  const exponent = f32x4.convert_i32x4_s(i32x4.sub(i32x4.shr_u(n, 23), i32x4.splat(128)));
  const m = v128.or(v128.and(n, i32x4.splat(0x7fffff)), i32x4.splat(0x3f800000));
  const parabola = f32x4.mul(f32x4.add(f32x4.mul(m, f32x4.splat(-1.0 / 3.0)), f32x4.splat(2)), m);
  return f32x4.add(f32x4.sub(parabola, f32x4.splat(2.0 / 3.0)), exponent);
}

@inline
function lanes(sums: v128): f32 {
  return (
    f32x4.extract_lane(sums, 0) + f32x4.extract_lane(sums, 1) + (f32x4.extract_lane(sums, 2) + f32x4.extract_lane(sums, 3))
  );
}

@inline
function countLog2(count: f32): f32 {
  return count * f32x4.extract_lane(log2(f32x4.splat(count)), 0);
}
