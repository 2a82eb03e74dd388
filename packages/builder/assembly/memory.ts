// The whole of linear memory, laid out by hand: no allocator, no collector.
// Addresses are constants so that the compiler folds them into the loads and stores.

/** Farthest a back-reference reaches (RFC 1951 §2). */
export const WINDOW: u32 = 32768;
/** Bytes of the largest chunk. */
export const CHUNK_SIZE: u32 = 1 << 20;

/** Length - 3 to its symbol - 257, one byte each: `symbols.ts`. */
export const LENGTH_SYMBOL: usize = 0x800;
/** Counts of the piece being parsed: 288 literal/length symbols, then 32 distance symbols, u32 each. */
export const PIECE_COUNTS: usize = 0x1000;
/** The same for the block that is being collected. */
export const BLOCK_COUNTS: usize = 0x1800;
/** Codewords of the block, `code | bits << 16`, in the order of the counts. */
export const CODES: usize = 0x2000;
/** Codewords of RFC 1951 §3.2.6, in the same form. */
export const FIXED_CODES: usize = 0x2800;
/** Length - 3 to the codeword with its extra bits, `bits | count << 24`. */
export const LENGTH_CODES: usize = 0x3000;
/** Lengths of the codewords, one byte each, in the order of the counts. */
export const CODE_LENGTHS: usize = 0x3400;
/** Scratch of `huffman.ts`: two arrays of 288 u32 and 256 digits. */
export const SORT_A: usize = 0x3800;
export const SORT_B: usize = 0x4000;
export const DIGITS: usize = 0x4800;
/** Scratch of `header.ts`: the run-length coded code lengths, and the counts and codes of their symbols. */
export const RUNS: usize = 0x5000;
export const RUN_COUNTS: usize = 0x5800;
export const RUN_CODES: usize = 0x5880;
export const RUN_LENGTHS: usize = 0x5900;

/** Extra bits of each symbol, f32 each, in the order of the counts: `estimate.ts`. */
export const EXTRA_BITS: usize = 0x6000;
/** A histogram of nothing. */
export const NO_COUNTS: usize = 0x6800;

/** Positions by the hash of 4 bytes and of 8 bytes: `buckets.ts`. */
export const HASH: usize = 0x10000;
export const LONG_HASH: usize = 0x50000;
/** `chains.ts` has other tables in the same place. */
export const CHAINS: usize = 0x50000;
export const SHORT_HASH: usize = 0x60000;

/** The dictionary ends where the chunk begins; 64 KiB before it are readable. */
export const CHUNK: usize = 0xa0000 + <usize>WINDOW;
/** Zeroed bytes after a chunk: comparisons read a longest match past its end and must see the same on every run. */
export const PADDING: usize = 288;

/** Sequences of the block being collected, a u64 each: `sequences.ts`. */
export const SEQUENCES: usize = 0x1b0000;
/** To the end of the 4 MiB of memory: room for a chunk that is stored. */
export const OUTPUT: usize = 0x280000;
