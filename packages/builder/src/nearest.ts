import { distance } from "fastest-levenshtein";

/** The candidate most like `word`, case aside, or undefined when none is: up to a third of its letters, and two, may differ. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bound = (word.length < 4 ? 1 : Math.max(2, Math.floor(word.length / 3))) + 1;
  const wanted = word.toLowerCase();
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) >= bound) continue;
    const far = distance(wanted, candidate.toLowerCase());
    if (far < bound) [best, bound] = [candidate, far];
  }
  return best;
}
