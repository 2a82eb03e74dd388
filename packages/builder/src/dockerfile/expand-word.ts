import { BuildError } from "../errors.ts";
import { parseShellPattern, replaceMatches, withoutPrefix, withoutSuffix } from "./shell-pattern.ts";

/** The value of a variable; undefined when there is none of that name. */
export type Lookup = (name: string) => string | undefined;

export interface ExpandOptions {
  /** The Dockerfile's. */
  readonly escape?: "\\" | "`";
  /** Is told of every name that was looked up and is not there. */
  readonly missing?: (name: string) => void;
}

/**
 * A word as a Dockerfile's instruction means it: variables replaced, quotes and escapes taken away. Blanks stay,
 * wherever they come from. Throws BuildError SPEC for what cannot be read, and for `${NAME:?message}`.
 */
export function expandWord(text: string, lookup: Lookup, options: ExpandOptions = {}): string {
  return new Expansion(text, lookup, options).run().text;
}

/** The same for EXPOSE, where blanks that come out of a variable without quotes make several words of one. */
export function expandWords(text: string, lookup: Lookup, options: ExpandOptions = {}): string[] {
  return new Expansion(text, lookup, options).run().words.map((word) => word.text);
}

/** The content of a heredoc: variables replaced, quotes kept, and the backslash escapes whatever `# escape` says. */
export function expandHeredoc(content: string, lookup: Lookup, options: Omit<ExpandOptions, "escape"> = {}): string {
  return new Expansion(content, lookup, { ...options, quotes: "literal" }).run().text;
}

/**
 * Whether a word has variables. Throws BuildError SPEC when no values of them make it right: an open quote, an
 * open brace.
 */
export function checkWord(text: string, escape: "\\" | "`"): boolean {
  let variables = false;
  const lookup = (): undefined => void (variables = true);
  new Expansion(text, lookup, { escape, keepUnset: true }).run();
  return variables;
}

/**
 * Words of a line as a shell would see them, their variables as they are written; none when a quote stays open.
 * Quotes and escapes stay as well, or go.
 */
export function shellWords(
  text: string,
  quotes: "kept" | "removed" = "kept",
): { readonly text: string; readonly offset: number }[] {
  try {
    return new Expansion(text, () => undefined, { keepUnset: true, quotes }).run().words;
  } catch (error) {
    if (error instanceof BuildError) return [];
    throw error;
  }
}

interface Mode extends ExpandOptions {
  /** Whether quotes and escapes are taken away, stay, or are characters as any other. */
  readonly quotes?: "removed" | "kept" | "literal";
  /** Whether variables that are not there stay as they are written. */
  readonly keepUnset?: boolean;
}

// Nobody nests like that; deeper, the stack would decide.
const maxDepth = 100;

const variableName = /\p{Nd}+|[@*#?\-$!]|[\p{L}_][\p{L}\p{Nd}_]*|/uy;

class Expansion {
  readonly #text: string;
  readonly #lookup: Lookup;
  readonly #mode: Mode;
  readonly #escape: string;
  #at = 0;
  #depth = 0;

  constructor(text: string, lookup: Lookup, mode: Mode) {
    this.#text = text;
    this.#lookup = lookup;
    this.#mode = mode;
    this.#escape = mode.escape ?? "\\";
  }

  run(): { readonly text: string; readonly words: { readonly text: string; readonly offset: number }[] } {
    const words = new WordSplitter();
    const text = this.#until(undefined, this.#mode.quotes === "kept", words);
    return { text, words: words.end() };
  }

  #until(stop: string | undefined, keepEscapes: boolean, words?: WordSplitter): string {
    let result = "";
    const quoted = this.#mode.quotes !== "literal";
    while (this.#at < this.#text.length) {
      const start = this.#at;
      const char = this.#text.charAt(start);
      if (char === stop) {
        this.#at++;
        return result;
      }
      let part: string;
      if (char === "$") part = this.#dollar();
      else if (char === "<") part = this.#less();
      else if (quoted && char === "'") part = this.#singleQuotes();
      else if (quoted && char === '"') part = this.#doubleQuotes(keepEscapes);
      else if (char === this.#escape) {
        part = (keepEscapes ? char : "") + this.#text.charAt(start + 1);
        this.#at += 2;
      } else {
        part = char;
        this.#at++;
      }
      result += part;
      if (char === "$" || part === char) words?.add(part, start);
      else words?.addWhole(part, start);
    }
    if (stop !== undefined) throw this.#bad(stop === "}" ? `a "}" is missing` : `a "/" is missing in "\${"`);
    return result;
  }

  #singleQuotes(): string {
    const end = this.#text.indexOf("'", this.#at + 1);
    if (end === -1) throw this.#bad("a single quote is not closed");
    const inside = this.#text.slice(this.#at + 1, end);
    this.#at = end + 1;
    return this.#quotes("'", inside);
  }

  #doubleQuotes(keepEscapes: boolean): string {
    let result = "";
    this.#at++;
    while (this.#at < this.#text.length) {
      const char = this.#text.charAt(this.#at);
      if (char === '"') {
        this.#at++;
        return this.#quotes('"', result);
      }
      if (char === "$") {
        result += this.#dollar();
        continue;
      }
      this.#at++;
      if (char !== this.#escape) {
        result += char;
        continue;
      }
      const next = this.#text.charAt(this.#at);
      // Before anything else it is a character: in a pattern, one that is escaped.
      const escapes = next === '"' || next === "$" || next === this.#escape;
      if (!escapes) result += char;
      if (keepEscapes && (escapes || this.#mode.quotes !== "kept")) result += char;
      if (escapes) {
        result += next;
        this.#at++;
      }
    }
    throw this.#bad("a double quote is not closed");
  }

  #quotes(quote: string, inside: string): string {
    return this.#mode.quotes === "kept" ? quote + inside + quote : inside;
  }

  /** `<<` and the blanks after it stay with the word of a heredoc. */
  #less(): string {
    const mark = /<(?:<-?[\t\r ]*)?/y;
    mark.lastIndex = this.#at;
    const [found = "<"] = mark.exec(this.#text) ?? [];
    this.#at += found.length;
    return found;
  }

  #dollar(): string {
    this.#at++;
    if (this.#text.charAt(this.#at) !== "{") {
      const name = this.#name();
      if (name === "") return "$";
      return this.#value(name) ?? (this.#mode.keepUnset === true ? `$${name}` : "");
    }
    const start = this.#at - 1;
    this.#at++;
    if (++this.#depth > maxDepth) throw this.#bad("substitutions are nested too deeply");
    const name = this.#name();
    const result = this.#substitution(name);
    this.#depth--;
    return result ?? (this.#mode.keepUnset === true ? this.#text.slice(start, this.#at) : "");
  }

  /** What stands for `${name…}`; undefined when it is a name that is not there. */
  #substitution(name: string): string | undefined {
    let operator = this.#text.charAt(this.#at++);
    if (operator === "}" && name !== "") return this.#value(name);
    if (operator === "") throw this.#bad(`a "}" is missing`);
    const colon = operator === ":";
    if (colon) operator = this.#text.charAt(this.#at++);
    if (name === "") throw this.#bad(`a name must follow "\${"`);
    if (operator === "" || !(colon ? "-+?" : "-+?#%/").includes(operator))
      throw this.#bad(`"${colon ? ":" : ""}${operator}" after "\${${name}" is no operator`, {
        hint: `Known are :- - :+ + :? ? # ## % %% / and //`,
      });
    if (operator === "/") return this.#replacement(name);

    const word = this.#until("}", operator === "#" || operator === "%");
    const value = this.#value(name);
    if (value === undefined && this.#mode.keepUnset === true) return undefined;
    const given = value !== undefined && !(colon && value === "");
    if (operator === "-") return given ? value : word;
    if (operator === "+") return given ? word : "";
    if (operator === "?") {
      if (given) return value;
      const why = value === undefined ? "is not set" : "is empty";
      throw this.#bad(word === "" ? `${name} ${why}` : `${name} ${why}: ${word}`);
    }
    const doubled = word.startsWith(operator);
    const pattern = this.#pattern(doubled ? word.slice(1) : word);
    const match = doubled ? "longest" : "shortest";
    return operator === "#" ? withoutPrefix(value ?? "", pattern, match) : withoutSuffix(value ?? "", pattern, match);
  }

  #replacement(name: string): string | undefined {
    const all = this.#text.charAt(this.#at) === "/";
    if (all) this.#at++;
    const pattern = this.#pattern(this.#until("/", true));
    const replacement = this.#until("}", true);
    const value = this.#value(name);
    if (value === undefined && this.#mode.keepUnset === true) return undefined;
    return replaceMatches(value ?? "", pattern, replacement, all);
  }

  #pattern(text: string): ReturnType<typeof parseShellPattern> {
    // Quotes and variables in it are not read yet when they stay.
    return this.#mode.keepUnset === true ? [] : parseShellPattern(text);
  }

  #value(name: string): string | undefined {
    const value = this.#lookup(name);
    if (value === undefined) this.#mode.missing?.(name);
    return value;
  }

  #name(): string {
    variableName.lastIndex = this.#at;
    const [name = ""] = variableName.exec(this.#text) ?? [];
    this.#at += name.length;
    return name;
  }

  #bad(detail: string, options?: { readonly hint: string }): BuildError {
    const shown = this.#text.length > 80 ? `${this.#text.slice(0, 79)}…` : this.#text;
    return new BuildError("SPEC", `Cannot expand "${shown}": ${detail}`, options);
  }
}

/** Collects words; blanks end one unless they were quoted or escaped. */
class WordSplitter {
  readonly #words: { text: string; offset: number }[] = [];
  #word: { text: string; offset: number } | undefined;

  add(text: string, offset: number): void {
    for (const char of text)
      if (/\s/u.test(char)) this.end();
      else this.addWhole(char, offset);
  }

  addWhole(text: string, offset: number): void {
    this.#word ??= { text: "", offset };
    this.#word.text += text;
  }

  end(): { text: string; offset: number }[] {
    if (this.#word !== undefined && this.#word.text !== "") this.#words.push(this.#word);
    this.#word = undefined;
    return this.#words;
  }
}
