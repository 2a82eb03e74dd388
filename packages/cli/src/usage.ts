import { distance } from "fastest-levenshtein";

/** The command was called wrongly: exit code 2. */
export class UsageError extends Error {
  override readonly name: string = "UsageError";
  readonly hint: string | undefined;

  constructor(message: string, options: { readonly hint?: string | undefined; readonly cause?: unknown } = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.hint = options.hint;
  }
}

/** The candidate that `word` is most likely a slip of, if any is near enough. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  // Two letters swapped are two edits.
  const allowed = word.length < 4 ? 1 : Math.max(2, Math.floor(word.length / 3));
  let best: { readonly candidate: string; readonly edits: number } | undefined;
  for (const candidate of candidates) {
    const edits = distance(word.toLowerCase(), candidate.toLowerCase());
    if (edits <= allowed && edits < (best?.edits ?? Infinity)) best = { candidate, edits };
  }
  return best?.candidate;
}
