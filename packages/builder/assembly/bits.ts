// Bits not yet stored stay below 8 between writes, so a writer may add 56 before it flushes.

/** Address of the next byte of output. */
export let out: usize = 0;
export let bits: u64 = 0;
export let bitCount: u64 = 0;

export function startBits(at: usize): void {
  out = at;
  bits = 0;
  bitCount = 0;
}

/** Take over a run of bits that was written with local variables. */
export function resumeBits(at: usize, rest: u64, count: u64): void {
  out = at;
  bits = rest;
  bitCount = count;
}

export function writeBits(value: u64, count: u64): void {
  bits |= value << bitCount;
  bitCount += count;
  store<u64>(out, bits);
  out += <usize>(bitCount >> 3);
  bits >>= bitCount & 56;
  bitCount &= 7;
}

/** One stored block (RFC 1951 §3.2.4) of at most 65535 bytes. */
export function writeStored(from: usize, size: u32, last: u32): void {
  writeBits(last, 3);
  if (bitCount > 0) writeBits(0, 8 - bitCount);
  store<u32>(out, size | (~size << 16));
  memory.copy(out + 4, from, size);
  out += 4 + size;
}
