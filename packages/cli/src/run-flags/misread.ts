import { nearest, UsageError } from "../usage.ts";

/** The error for a flag whose value cannot be used: quotes the value and says what is wrong with it. */
export function misread(flag: string, value: string, detail: string, hint?: string): UsageError {
  return new UsageError(`Cannot use --${flag} "${value}": ${detail}`, { hint });
}

/** The one of `known` that `word`, a part of a flag's value, is. Throws UsageError with the nearest of them. */
export function known<const T extends string>(
  { flag, value, what }: { readonly flag: string; readonly value: string; readonly what: string },
  word: string,
  candidates: readonly T[],
): T {
  const found = candidates.find((candidate) => candidate === word);
  if (found !== undefined) return found;
  const meant = nearest(word, candidates);
  const named = word === value ? "" : `"${word}" is no ${what}, `;
  throw misread(
    flag,
    value,
    `${named}expected ${listed(candidates)}`,
    meant === undefined ? undefined : `Did you mean ${meant}?`,
  );
}

/** "a", "a or b", "a, b or c". */
export function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}
