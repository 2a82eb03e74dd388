import width from "fast-string-width";

/** Styles of a terminal; the empty string throughout where colour is not wanted. */
export interface Style {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly red: (text: string) => string;
  readonly green: (text: string) => string;
  readonly yellow: (text: string) => string;
  readonly cyan: (text: string) => string;
}

const sgr =
  (open: number, close: number) =>
  (text: string): string =>
    `\x1b[${open}m${text}\x1b[${close}m`;
const plain = (text: string): string => text;

const coloured: Style = {
  bold: sgr(1, 22),
  dim: sgr(2, 22),
  red: sgr(31, 39),
  green: sgr(32, 39),
  yellow: sgr(33, 39),
  cyan: sgr(36, 39),
};
const colourless: Style = { bold: plain, dim: plain, red: plain, green: plain, yellow: plain, cyan: plain };

/** Colours only for a terminal that has them, and never with NO_COLOR (no-color.org); FORCE_COLOR insists. */
export function styleFor(stream: { readonly isTTY?: boolean }, env: NodeJS.ProcessEnv = process.env): Style {
  if (env["NO_COLOR"] !== undefined && env["NO_COLOR"] !== "") return colourless;
  if (env["FORCE_COLOR"] !== undefined && env["FORCE_COLOR"] !== "0") return coloured;
  return stream.isTTY === true && env["TERM"] !== "dumb" ? coloured : colourless;
}

/**
 * Text from outside, safe to show: control characters (which could move the cursor, or retitle the
 * window), bidirectional overrides and stray surrogates are written as escapes. Line ends stay
 * only where `lines` says so.
 */
export function printable(text: string, lines = false): string {
  return text.replace(/[\0-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]|\p{Surrogate}/gu, (char) => {
    if (lines && (char === "\n" || char === "\t")) return char;
    const code = char.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}

/** Columns that `text` takes on a terminal. */
export function columns(text: string): number {
  return width(text);
}

/** `text` cut to `width` columns, with an ellipsis where something was lost. */
export function fit(text: string, limit: number): string {
  if (columns(text) <= limit) return text;
  let kept = "";
  let used = 0;
  for (const char of text) {
    used += columns(char);
    if (used > limit - 1) break;
    kept += char;
  }
  return `${kept}…`;
}

/** `text` followed by spaces up to `width` columns. */
export function pad(text: string, limit: number): string {
  return text + " ".repeat(Math.max(0, limit - columns(text)));
}

/** Rows of cells, set in columns; cells of the columns named in `right` end at the same place. */
export function table(rows: readonly (readonly string[])[], right: readonly number[] = []): string[] {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, at) => (widths[at] = Math.max(widths[at] ?? 0, columns(cell))));
  return rows.map((row) =>
    row
      .map((cell, at) => {
        const space = " ".repeat(Math.max(0, (widths[at] ?? 0) - columns(cell)));
        return right.includes(at) ? space + cell : cell + space;
      })
      .join("  ")
      .trimEnd(),
  );
}
