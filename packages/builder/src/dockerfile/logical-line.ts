import type { Position, Word } from "./syntax.ts";
import type { Piece } from "./words.ts";

/** An instruction as one line, its continuation lines joined, which knows where each part of it is written. */
export class LogicalLine {
  readonly #parts: { readonly offset: number; readonly line: number; readonly column: number }[] = [];
  #text = "";
  #endLine = 0;
  /** Of lines in it that are blank. */
  readonly blankLines: number[] = [];

  /** What an escape as the last character joins, without it. */
  append(text: string, line: number, column: number): void {
    this.#parts.push({ offset: this.#text.length, line, column });
    this.#text += text;
    this.#endLine = line;
  }

  get text(): string {
    return this.#text;
  }

  get endLine(): number {
    return this.#endLine;
  }

  position(offset: number): Position {
    // Binary: an instruction may have as many words as lines.
    let [low, high] = [0, this.#parts.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((this.#parts[middle]?.offset ?? 0) <= offset) low = middle;
      else high = middle;
    }
    const part = this.#parts[low] ?? { offset, line: this.#endLine, column: 1 };
    return { line: part.line, column: part.column + offset - part.offset };
  }

  word({ text, offset }: Piece): Word {
    return { text, ...this.position(offset) };
  }
}

/** An instruction that has not been read yet, and the comments right above it. */
export interface Statement {
  readonly line: LogicalLine;
  readonly comments: readonly string[];
}

/** Hands out the instructions of a file as logical lines, and the lines below them as heredocs. */
export class LineReader {
  /** With their ends. */
  readonly #raw: readonly string[];
  readonly #continued: RegExp;
  #at: number;

  constructor(raw: readonly string[], escape: "\\" | "`", start: number) {
    this.#raw = raw;
    this.#at = start;
    // An escape that is escaped itself continues nothing.
    this.#continued = escape === "`" ? /(?<!`)`[ \t]*$/ : /(?<!\\)\\[ \t]*$/;
  }

  /** The next instruction; undefined at the end. */
  next(): Statement | undefined {
    let comments: string[] = [];
    for (; this.#at < this.#raw.length; this.#at++) {
      const text = trimLineEnd(this.#raw[this.#at] ?? "");
      const start = text.length - text.trimStart().length;
      if (text.charAt(start) === "#") {
        const comment = text.slice(start + 1).trim();
        if (comment === "") comments = [];
        else comments.push(comment);
      } else if (start < text.length) {
        const line = this.#join(start);
        if (line.text.trim() !== "") return { line, comments };
        this.#at--;
        comments = [];
      }
    }
    return undefined;
  }

  #join(start: number): LogicalLine {
    const line = new LogicalLine();
    let column = start + 1;
    let first = true;
    while (this.#at < this.#raw.length) {
      const text = trimLineEnd(this.#raw[this.#at++] ?? "");
      if (!first && text.trimStart().startsWith("#")) continue;
      if (!first && text.trim() === "") {
        line.blankLines.push(this.#at);
        continue;
      }
      const end = text.search(this.#continued);
      line.append(end === -1 ? text.slice(column - 1) : text.slice(column - 1, end), this.#at, column);
      if (end === -1) break;
      column = 1;
      first = false;
    }
    return line;
  }

  /** Takes the lines up to one that is `end`, which goes too; undefined when there is none. */
  heredoc(end: string, stripTabs: boolean): string | undefined {
    let content = "";
    while (this.#at < this.#raw.length) {
      const raw = this.#raw[this.#at++] ?? "";
      const text = stripTabs ? raw.replace(/^\t+/, "") : raw;
      if (trimLineEnd(text) === end) return content;
      content += text;
    }
    return undefined;
  }

  /** The number of the line that was taken last. */
  get line(): number {
    return this.#at;
  }
}

export function trimLineEnd(text: string): string {
  let end = text.length;
  while (end > 0 && (text[end - 1] === "\n" || text[end - 1] === "\r")) end--;
  return text.slice(0, end);
}
