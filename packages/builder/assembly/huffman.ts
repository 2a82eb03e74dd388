import { DIGITS, SORT_A, SORT_B } from "./memory";

/**
 * Length-limited Huffman code of `symbols` counts (u32 each): writes each length (u8, 0 = unused) and each
 * codeword (`code | bits << 16`, code bit-reversed as deflate sends it). At least two symbols get a codeword,
 * because some decoders refuse a code of one.
 */
export function buildCode(counts: usize, symbols: u32, limit: u32, lengths: usize, codes: usize): void {
  memory.fill(lengths, 0, symbols);
  let used: u32 = 0;
  let most: u32 = 0;
  for (let symbol: u32 = 0; symbol < symbols; symbol++) {
    const count = load<u32>(counts + (<usize>symbol << 2));
    if (count > 0) {
      store<u32>(SORT_A + (<usize>used << 2), (count << 9) | symbol);
      most = max(most, count);
      used++;
    }
  }
  // A count of 0 is enough for a symbol that only completes the code.
  for (let symbol: u32 = 0; used < 2; symbol++) {
    if (load<u32>(counts + (<usize>symbol << 2)) > 0) continue;
    store<u32>(SORT_A + (<usize>used << 2), symbol);
    used++;
  }
  sortByCount(used, most);
  codeLengths(used, limit, lengths);
  assignCodes(symbols, lengths, codes);
}

/** Radix sort of SORT_A by count; the order of equal counts stays that of the symbols. */
function sortByCount(used: u32, most: u32): void {
  let from = SORT_A;
  let to = SORT_B;
  for (let shift: u32 = 9; shift == 9 || most >> (shift - 9) > 0; shift += 8) {
    memory.fill(DIGITS, 0, 1024);
    for (let i: u32 = 0; i < used; i++) {
      const digit = DIGITS + <usize>(((load<u32>(from + (<usize>i << 2)) >> shift) & 0xff) << 2);
      store<u32>(digit, load<u32>(digit) + 1);
    }
    let sum: u32 = 0;
    for (let digit = DIGITS; digit < DIGITS + 1024; digit += 4) {
      const n = load<u32>(digit);
      store<u32>(digit, sum);
      sum += n;
    }
    for (let i: u32 = 0; i < used; i++) {
      const item = load<u32>(from + (<usize>i << 2));
      const digit = DIGITS + <usize>(((item >> shift) & 0xff) << 2);
      const place = load<u32>(digit);
      store<u32>(digit, place + 1);
      store<u32>(to + (<usize>place << 2), item);
    }
    const swap = from;
    from = to;
    to = swap;
  }
  if (from != SORT_A) memory.copy(SORT_A, from, <usize>used << 2);
}

/**
 * Lengths from the sorted counts. The tree is built in place, after Moffat and Katajainen, "In-place calculation
 * of minimum-redundancy codes" (1995): SORT_B first holds weights of inner nodes, then their parents, then depths.
 */
function codeLengths(used: u32, limit: u32, lengths: usize): void {
  const inner = used - 1;
  let leaf: u32 = 0;
  let root: u32 = 0;
  for (let node: u32 = 0; node < inner; node++) {
    let weight: u32 = 0;
    for (let child = 0; child < 2; child++) {
      const rootWeight = root < node ? load<u32>(SORT_B + (<usize>root << 2)) : u32.MAX_VALUE;
      if (leaf < used && load<u32>(SORT_A + (<usize>leaf << 2)) >> 9 <= rootWeight) {
        weight += load<u32>(SORT_A + (<usize>leaf << 2)) >> 9;
        leaf++;
      } else {
        weight += rootWeight;
        store<u32>(SORT_B + (<usize>root << 2), node);
        root++;
      }
    }
    store<u32>(SORT_B + (<usize>node << 2), weight);
  }

  // DIGITS[n] becomes the number of leaves at depth n; depths beyond the limit count as the limit.
  memory.fill(DIGITS, 0, 64);
  store<u32>(SORT_B + (<usize>(inner - 1) << 2), 0);
  for (let node = inner - 1; node > 0; node--) {
    const at = SORT_B + (<usize>(node - 1) << 2);
    store<u32>(at, load<u32>(SORT_B + (<usize>load<u32>(at) << 2)) + 1);
  }
  let open: u32 = 1;
  let left = inner;
  let kraft: u32 = 0;
  for (let depth: u32 = 0; open > 0; depth++) {
    let nodes: u32 = 0;
    while (left > 0 && load<u32>(SORT_B + (<usize>(left - 1) << 2)) == depth) {
      nodes++;
      left--;
    }
    const at = DIGITS + (<usize>min(depth, limit) << 2);
    store<u32>(at, load<u32>(at) + open - nodes);
    kraft += (open - nodes) << (limit - min(depth, limit));
    open = 2 * nodes;
  }

  // Too many codewords of the longest kind: lengthen the longest of the shorter ones until the code fits.
  for (; kraft > <u32>1 << limit; kraft--) {
    let depth = limit - 1;
    while (load<u32>(DIGITS + (<usize>depth << 2)) == 0) depth--;
    const at = DIGITS + (<usize>depth << 2);
    store<u32>(at, load<u32>(at) - 1);
    store<u32>(at + 4, load<u32>(at + 4) + 2);
    const longest = DIGITS + (<usize>limit << 2);
    store<u32>(longest, load<u32>(longest) - 1);
  }

  let next = SORT_A;
  for (let length = limit; length > 0; length--) {
    for (let n = load<u32>(DIGITS + (<usize>length << 2)); n > 0; n--) {
      store<u8>(lengths + (load<u32>(next) & 511), <u8>length);
      next += 4;
    }
  }
}

/** Canonical codewords for the lengths (RFC 1951 §3.2.2), reversed. */
export function assignCodes(symbols: u32, lengths: usize, codes: usize): void {
  memory.fill(DIGITS, 0, 64);
  for (let symbol: u32 = 0; symbol < symbols; symbol++) {
    const at = DIGITS + (<usize>load<u8>(lengths + symbol) << 2);
    store<u32>(at, load<u32>(at) + 1);
  }
  let code: u32 = 0;
  store<u32>(DIGITS, 0);
  for (let length: usize = 1; length < 16; length++) {
    const n = load<u32>(DIGITS + (length << 2));
    store<u32>(DIGITS + (length << 2), code);
    code = (code + n) << 1;
  }
  for (let symbol: u32 = 0; symbol < symbols; symbol++) {
    const length = <u32>load<u8>(lengths + symbol);
    const at = codes + (<usize>symbol << 2);
    if (length == 0) {
      store<u32>(at, 0);
      continue;
    }
    const next = DIGITS + (<usize>length << 2);
    const word = load<u32>(next);
    store<u32>(next, word + 1);
    store<u32>(at, (reverse16(word) >> (16 - length)) | (length << 16));
  }
}

@inline
function reverse16(word: u32): u32 {
  let x = ((word & 0x5555) << 1) | ((word >> 1) & 0x5555);
  x = ((x & 0x3333) << 2) | ((x >> 2) & 0x3333);
  x = ((x & 0x0f0f) << 4) | ((x >> 4) & 0x0f0f);
  return ((x & 0xff) << 8) | (x >> 8);
}
