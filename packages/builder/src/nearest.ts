import { distance } from "fastest-levenshtein";

/** The candidate most like `word`, or undefined when none is: up to a third of its letters, and two, may differ. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bound = (word.length < 4 ? 1 : Math.max(2, Math.floor(word.length / 3))) + 1;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) >= bound) continue;
    const letters = distance(word, candidate);
    if (letters < bound) [best, bound] = [candidate, letters];
  }
  return best;
}
