/** Numbers below 2^32 that are the same on every machine (xorshift, G. Marsaglia, 2003). */
export function randomNumbers(seed: number): () => number {
  let x = seed * 2_654_435_761 || 1;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return x >>> 0;
  };
}

/** Bytes that no compressor makes smaller. */
export function randomPiece(next: () => number, size: number): Buffer {
  const words = Uint32Array.from({ length: size / 4 }, next);
  return Buffer.from(words.buffer);
}

/** Text of a vocabulary of 2000 words, the first of them the most frequent: shrinks to a quarter or so. */
export function textPiece(next: () => number, size: number): Buffer {
  const piece = Buffer.alloc(size);
  let at = 0;
  while (at < size) {
    const word = vocabulary[Math.min(next() % 2000, next() % 2000, next() % 2000)] ?? "";
    at += piece.write(word, at, "latin1");
  }
  return piece;
}

const vocabulary = makeVocabulary(randomNumbers(7));

function makeVocabulary(next: () => number): string[] {
  return Array.from({ length: 2000 }, () => {
    const letters = Array.from({ length: 2 + (next() % 9) }, () => String.fromCharCode(97 + (next() % 26)));
    return `${letters.join("")}${next() % 12 === 0 ? ";\n" : " "}`;
  });
}
