import { UsageError } from "../usage.ts";

/** The predicate type of `--type`: a word of cosign's, or a URI. Throws UsageError. */
export async function predicateTypeFrom(text: string): Promise<string> {
  const { parsePredicateType } = await import("@lading/trust");
  try {
    return parsePredicateType(text);
  } catch (cause) {
    throw new UsageError(`Cannot use --type "${text}"`, { cause });
  }
}
