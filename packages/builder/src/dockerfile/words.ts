/** A part of an instruction's text, and where in it. */
export interface Piece {
  readonly text: string;
  readonly offset: number;
}

/** Splits at blanks and at nothing else: quotes are characters. */
export function splitAtBlanks(text: string, from: number): Piece[] {
  return Array.from(text.slice(from).matchAll(/[^\t\v\f\r ]+/g), ({ 0: word, index }) => ({
    text: word,
    offset: from + index,
  }));
}

/** Splits at blanks that are neither quoted nor escaped. Quotes and escapes stay in the words. */
export function splitOutsideQuotes(text: string, from: number, escape: string): Piece[] {
  const words: Piece[] = [];
  let word = "";
  let offset = from;
  let quote = "";
  for (let at = from; at < text.length; at++) {
    const char = text.charAt(at);
    if (quote === "" && /\s/.test(char)) {
      if (word !== "") words.push({ text: word, offset });
      word = "";
      continue;
    }
    if (word === "") offset = at;
    if (char === escape && quote !== "'") {
      // One at the very end stands for nothing.
      if (at + 1 < text.length) word += char + text.charAt(at + 1);
      at++;
      continue;
    }
    if (char === quote) quote = "";
    else if (quote === "" && (char === "'" || char === '"')) quote = char;
    word += char;
  }
  if (word !== "") words.push({ text: word, offset });
  return words;
}

/** A word before an instruction's arguments: `--name` or `--name=value`, without its quotes and escapes. */
export interface FlagWord extends Piece {
  readonly name: string;
  readonly value?: Piece;
}

/** The flags that a text begins with, and where they end. `--` ends them as well. */
export function splitFlags(text: string, from: number, escape: string): { flags: FlagWord[]; end: number } {
  const flags: FlagWord[] = [];
  let at = from;
  for (;;) {
    while (at < text.length && /\s/.test(text.charAt(at))) at++;
    if (!text.startsWith("--", at)) return { flags, end: at };
    const start = at;
    let word = "";
    let quote = "";
    for (; at < text.length && !(quote === "" && /\s/.test(text.charAt(at))); at++) {
      const char = text.charAt(at);
      if (char === escape) word += text.charAt(++at);
      else if (char === quote) quote = "";
      else if (quote === "" && (char === "'" || char === '"')) quote = char;
      else word += char;
    }
    if (word === "--") return { flags, end: at };
    const equals = word.indexOf("=");
    const written = text.slice(start, at);
    flags.push(
      equals === -1
        ? { text: written, offset: start, name: word }
        : {
            text: written,
            offset: start,
            name: word.slice(0, equals),
            value: { text: word.slice(equals + 1), offset: start + written.indexOf("=") + 1 },
          },
    );
  }
}

/**
 * The strings of a JSON array; undefined when the text is no JSON array, and is then a shell's. Throws
 * SyntaxError for an array that holds something else than strings.
 */
export function parseStrings(text: string): string[] | undefined {
  if (!text.trimStart().startsWith("[")) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(parsed)) return undefined;
  return parsed.map((item: unknown) => {
    if (typeof item !== "string") throw new SyntaxError("it is a JSON array of something else than strings");
    return item;
  });
}
