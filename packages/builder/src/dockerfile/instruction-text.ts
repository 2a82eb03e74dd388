import { nearest } from "../nearest.ts";
import { type DockerfileError, dockerfileError, type Quotable } from "./dockerfile-error.ts";
import type { LogicalLine } from "./logical-line.ts";
import type { Heredoc, Word } from "./syntax.ts";
import { type FlagWord, parseStrings, type Piece, splitAtBlanks, splitFlags } from "./words.ts";

/** The file an instruction stands in. */
export interface DockerfileText extends Quotable {
  readonly escape: "\\" | "`";
}

/** What may follow a flag: one value, a value each time it is given, or true and false. */
export type FlagKind = "one" | "many" | "bool";

/** An instruction cut into what all of them have: a keyword, flags, and the rest. */
export class InstructionText {
  readonly file: DockerfileText;
  readonly line: LogicalLine;
  readonly heredocs: readonly Heredoc[];
  /** As written, and where. */
  readonly keyword: Piece;
  readonly #flags: readonly FlagWord[];
  /** What follows the flags, without the blanks around it. */
  readonly rest: Piece;

  constructor(file: DockerfileText, line: LogicalLine, heredocs: readonly Heredoc[], from = 0) {
    this.file = file;
    this.line = line;
    this.heredocs = heredocs;
    const { text } = line;
    const match = /\s*([^\t\v\f\r ]+)/y;
    match.lastIndex = from;
    const [, word = ""] = match.exec(text) ?? [];
    this.keyword = { text: word, offset: match.lastIndex - word.length };
    const { flags, end } = splitFlags(text, match.lastIndex, file.escape);
    this.#flags = flags;
    const rest = text.slice(end).trimStart();
    this.rest = { text: rest.trimEnd(), offset: text.length - rest.length };
  }

  /** The keyword in capitals. */
  get name(): string {
    return this.keyword.text.toUpperCase();
  }

  /** The whole of it. */
  get text(): string {
    return this.line.text.slice(this.keyword.offset).trim();
  }

  /** A word of a piece of the rest, whose offset counts from there. */
  inRest({ text, offset }: Piece): Word {
    return this.line.word({ text, offset: this.rest.offset + offset });
  }

  /** The strings of a piece that is a JSON array of them; undefined when it is none. Throws DockerfileError. */
  strings(piece: Piece): string[] | undefined {
    try {
      return parseStrings(piece.text);
    } catch (cause) {
      if (!(cause instanceof SyntaxError)) throw cause;
      throw this.error(piece, `${this.name} is a list with something else than strings`, "Quote each part");
    }
  }

  /** The rest as words: a JSON array, or separated by blanks. */
  listed(): Word[] {
    const strings = this.strings(this.rest);
    if (strings === undefined) return splitAtBlanks(this.rest.text, 0).map((piece) => this.inRest(piece));
    // In JSON a quote begins or ends a string, unless it is escaped.
    const written = Array.from(this.rest.text.matchAll(/"(?:[^"\\]|\\.)*"/g), ({ index }) => index + 1);
    return strings.map((text, index) => this.inRest({ text, offset: written[index] ?? 0 }));
  }

  /** The flags, which must be among the known ones, and right. Throws DockerfileError. */
  flags(known: Readonly<Record<string, FlagKind>>): Flags {
    const values = new Map<string, Word[]>();
    for (const flag of this.#flags) {
      const kind = Object.hasOwn(known, flag.name.slice(2)) ? known[flag.name.slice(2)] : undefined;
      const before = values.get(flag.name);
      if (kind === undefined) throw this.#unknown(flag, Object.keys(known));
      if (before !== undefined && kind !== "many") throw this.error(flag, `${this.name} has ${flag.name} twice`);
      if (kind !== "bool" && flag.value === undefined)
        throw this.error(flag, `${this.name} ${flag.name} lacks its value`, `Write ${flag.name}=…`);
      if (kind === "bool" && !/^(?:true|false)$/i.test(flag.value?.text ?? "true"))
        throw this.error(flag, `${this.name} ${flag.name} is "${flag.value?.text}": expected true or false`);
      const word = this.line.word(flag.value ?? { text: "true", offset: flag.offset });
      if (before === undefined) values.set(flag.name, [word]);
      else before.push(word);
    }
    return new Flags(values);
  }

  #unknown(flag: FlagWord, known: readonly string[]): DockerfileError {
    const meant = nearest(
      flag.name,
      known.map((name) => `--${name}`),
    );
    const command = ["RUN", "CMD", "ENTRYPOINT"].includes(this.name);
    return this.error(
      { text: flag.name, offset: flag.offset },
      `Unknown flag "${flag.name}" of ${this.name}`,
      meant !== undefined
        ? `Did you mean ${meant}?`
        : command
          ? `Write ${this.name} -- before a command that begins with a dash`
          : known.length === 0
            ? `${this.name} has no flags`
            : `Known flags: ${known.map((name) => `--${name}`).join(", ")}`,
    );
  }

  /** Something wrong at a piece of it; without one, at all of it. */
  error(piece: Piece | Word | undefined, message: string, hint?: string): DockerfileError {
    const at = piece ?? { text: this.text, offset: this.keyword.offset };
    return dockerfileError(this.file, "offset" in at ? this.line.word(at) : at, message, { hint });
  }
}

/** The flags of one instruction. */
export class Flags {
  readonly #values: ReadonlyMap<string, readonly Word[]>;

  constructor(values: ReadonlyMap<string, readonly Word[]>) {
    this.#values = values;
  }

  one(name: string): Word | undefined {
    return this.many(name)[0];
  }

  many(name: string): readonly Word[] {
    return this.#values.get(`--${name}`) ?? [];
  }

  bool(name: string): boolean | undefined {
    const text = this.one(name)?.text.toLowerCase();
    return text === undefined ? undefined : text === "true";
  }
}
