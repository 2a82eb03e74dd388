import parse from "spdx-expression-parse";

/** Whether a text is an SPDX licence expression, and not merely a name. */
export function isExpression(text: string): boolean {
  try {
    parse(text);
    return true;
  } catch {
    return false;
  }
}
