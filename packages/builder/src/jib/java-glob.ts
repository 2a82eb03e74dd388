/**
 * Compiles a glob as `java.nio.file.FileSystem.getPathMatcher` understands it: it must match the whole path; `*` and `?`
 * stay within a name, `**` is any text, `{a,b}` alternatives, `[!a-c]` a class, `\` makes the next character stand for itself.
 * Throws SyntaxError.
 */
export function compileJavaGlob(glob: string): RegExp {
  const reader = new GlobReader(glob);
  let source = "";
  let inGroup = false;
  for (let letter = reader.next(); letter !== undefined; letter = reader.next()) {
    if (letter === "*") source += reader.take("*") ? ".*" : "[^/]*";
    else if (letter === "?") source += "[^/]";
    else if (letter === "\\") source += escape(reader.expect("a character after the backslash"));
    else if (letter === "[") source += characterClass(reader);
    else if (letter === "{") {
      if (inGroup) throw new SyntaxError("groups cannot be nested");
      inGroup = true;
      source += "(?:";
    } else if (letter === "}" && inGroup) {
      inGroup = false;
      source += ")";
    } else source += letter === "," && inGroup ? "|" : escape(letter);
  }
  if (inGroup) throw new SyntaxError('a group has no "}"');
  return new RegExp(`^${source}$`, "su");
}

class GlobReader {
  readonly #letters: readonly string[];
  #at = 0;

  constructor(glob: string) {
    this.#letters = Array.from(glob);
  }

  next(): string | undefined {
    return this.#letters[this.#at++];
  }

  /** Whether this comes next; it is passed over then. */
  take(letter: string): boolean {
    if (this.#letters[this.#at] !== letter) return false;
    this.#at++;
    return true;
  }

  expect(what: string): string {
    const letter = this.next();
    if (letter === undefined) throw new SyntaxError(`expected ${what}`);
    return letter;
  }
}

function characterClass(reader: GlobReader): string {
  const negated = reader.take("!");
  let members = "";
  let from: string | undefined;
  for (;;) {
    const letter = reader.expect('"]" at the end of a class');
    if (letter === "]") break;
    if (letter === "/") throw new SyntaxError("a class cannot hold a slash");
    if (letter !== "-" || from === undefined) {
      members += escape(letter);
      from = letter;
      continue;
    }
    if (reader.take("]")) {
      members += escape(letter);
      break;
    }
    const to = reader.expect("the end of a range");
    if (to < from) throw new SyntaxError(`the range ${from}-${to} runs backwards`);
    members += `-${escape(to)}`;
    from = undefined;
  }
  // No class matches a slash, not even a negated one.
  return negated ? `[^/${members}]` : `(?!/)[${members}]`;
}

function escape(letter: string): string {
  return /[\\^$.*+?()[\]{}|/-]/.test(letter) ? (letter === "-" ? String.raw`\x2d` : `\\${letter}`) : letter;
}
