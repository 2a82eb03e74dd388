import { BuildError } from "../errors.ts";

/** A shell's pattern without brackets: characters, `?` and `*`, neither of which matches a line end. */
export type ShellPattern = readonly PatternPart[];

type PatternPart = "?" | "*" | { readonly char: string };

/** Reads a pattern; a backslash takes the meaning of `*`, `?`, `\`, `/` and `}`. Throws BuildError SPEC. */
export function parseShellPattern(text: string): ShellPattern {
  const parts: PatternPart[] = [];
  const chars = Array.from(text);
  for (let at = 0; at < chars.length; at++) {
    const char = chars[at] ?? "";
    if (char === "*" || char === "?") parts.push(char);
    else if (char === "\\") {
      const escaped = chars[++at] ?? "";
      if (escaped === "" || !"*?\\/}".includes(escaped))
        throw new BuildError("SPEC", `Cannot read the pattern "${text}": "\\${escaped}" means nothing in it`, {
          hint: String.raw`Write \\ for a backslash`,
        });
      parts.push({ char: escaped });
    } else parts.push({ char });
  }
  return parts;
}

/** The value without the part at its beginning that matches. */
export function withoutPrefix(value: string, pattern: ShellPattern, match: "shortest" | "longest"): string {
  const chars = Array.from(value);
  return chars.slice(Math.max(0, matchEnds(chars, pattern, match)[0] ?? 0)).join("");
}

/** The value without the part at its end that matches. */
export function withoutSuffix(value: string, pattern: ShellPattern, match: "shortest" | "longest"): string {
  const backwards = Array.from(value).toReversed();
  const end = Math.max(0, matchEnds(backwards, pattern.toReversed(), match)[0] ?? 0);
  return backwards.slice(end).toReversed().join("");
}

/** The value with the first match, or every match, replaced. The longest from where it begins counts. */
export function replaceMatches(value: string, pattern: ShellPattern, replacement: string, all: boolean): string {
  const chars = Array.from(value);
  const ends = matchEnds(chars, pattern, "longest");
  let result = "";
  let taken = 0;
  for (let at = 0; at <= chars.length;) {
    const end = ends[at] ?? -1;
    // Nothing is no match right behind one.
    if (end < 0 || (end === at && at === taken && at > 0)) {
      at++;
      continue;
    }
    result += chars.slice(taken, at).join("") + replacement;
    taken = end;
    at = Math.max(end, at + 1);
    if (!all) break;
  }
  return result + chars.slice(taken).join("");
}

/**
 * For each place of the value where a match that begins there ends, or -1. From the pattern's end to its
 * beginning, so that no pattern takes longer than its length times the value's.
 */
function matchEnds(chars: readonly string[], pattern: ShellPattern, match: "shortest" | "longest"): Int32Array {
  const better = match === "shortest" ? Math.min : Math.max;
  let ends = Int32Array.from({ length: chars.length + 1 }, (_, at) => at);
  for (const part of pattern.toReversed()) {
    const before = new Int32Array(chars.length + 1).fill(-1);
    for (let at = chars.length; at >= 0; at--) {
      const crosses = at < chars.length && chars[at] !== "\n";
      if (part === "*") {
        const here = ends[at] ?? -1;
        const later = crosses ? (before[at + 1] ?? -1) : -1;
        before[at] = here < 0 ? later : later < 0 ? here : better(here, later);
      } else if (part === "?" ? crosses : chars[at] === part.char) before[at] = ends[at + 1] ?? -1;
    }
    ends = before;
  }
  return ends;
}
