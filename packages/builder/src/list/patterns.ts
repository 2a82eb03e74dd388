import { BuildError } from "../errors.ts";

/*
 * The patterns of .dockerignore files, after github.com/moby/patternmatcher (MatchesOrParentMatches):
 * the last pattern that matches a path, or a folder it lies in, decides; "!" takes back. Two choices
 * of moby's are kept although Go's filepath.Match differs: `**` crosses folders, and a negated class
 * (`[^a]`) matches a slash.
 */

/** Patterns, compiled. Paths are relative to the folder the patterns are, with "/" and without a leading "./". */
export class Matcher {
  /** Where the patterns stand, for messages: ".dockerignore". */
  readonly source: string | undefined;
  readonly #patterns: readonly Pattern[];
  readonly #buildsOwn: ReadonlySet<string>;

  /**
   * Takes patterns as moby's `New`: nothing is stripped but blanks. `buildsOwn` come after those of the source. Throws
   * BuildError SPEC for a malformed one.
   */
  constructor(patterns: readonly string[], source?: string, buildsOwn: readonly string[] = []) {
    this.source = source;
    this.#buildsOwn = new Set(buildsOwn);
    this.#patterns = [...patterns, ...buildsOwn]
      .map((pattern) => pattern.trim())
      .filter((pattern) => pattern !== "")
      .map((pattern) => compile(pattern, source));
  }

  /** As they are written. */
  get patterns(): readonly string[] {
    return this.#patterns.map((pattern) => pattern.text);
  }

  get isEmpty(): boolean {
    return this.#patterns.length === 0;
  }

  /** Whether the patterns pick this path, or a folder it lies in, and take it back no later. */
  matches(path: string): boolean {
    return this.deciding(path) !== undefined;
  }

  /** The pattern, as written, through which `matches(path)` is true. */
  deciding(path: string): string | undefined {
    const slash = path.lastIndexOf("/");
    const scope = slash <= 0 ? this.root() : this.scope(path.slice(0, slash));
    return scope.deciding(path, path.slice(slash + 1));
  }

  /** Whether a path is left out because it is the build's own: what describes it, or what it writes. */
  isBuildsOwn(path: string): boolean {
    const pattern = this.deciding(path);
    return pattern !== undefined && this.#buildsOwn.has(pattern);
  }

  /** The scope of the folder itself. */
  root(): Scope {
    return new Scope(this.#patterns, [], "", 0);
  }

  /** The scope of a folder below. */
  scope(folder: string): Scope {
    let scope = this.root();
    if (folder === "") return scope;
    for (let slash = folder.indexOf("/"); ; slash = folder.indexOf("/", slash + 1)) {
      const path = slash === -1 ? folder : folder.slice(0, slash);
      if (path !== "") scope = scope.enter(path, path.slice(path.lastIndexOf("/") + 1));
      if (slash === -1) return scope;
    }
  }
}

/** One folder as a walk meets it: what is already known of everything in it. */
class Scope {
  readonly #all: readonly Pattern[];
  /** Patterns that match this folder or one above it. */
  readonly #inherited: readonly Pattern[];
  /** In the order written, those that can match something directly in this folder. */
  readonly #candidates: readonly Pattern[];
  readonly #folder: string;
  readonly #depth: number;

  constructor(all: readonly Pattern[], inherited: readonly Pattern[], folder: string, depth: number) {
    this.#all = all;
    this.#inherited = inherited;
    this.#folder = folder;
    this.#depth = depth;
    this.#candidates = all.filter(
      (pattern) => pattern.depth === undefined || pattern.depth === depth || inherited.includes(pattern),
    );
  }

  /** Whether the child `name` of this folder, whose whole path is `path`, is picked. */
  matches(path: string, name: string): boolean {
    let matched = false;
    for (const pattern of this.#candidates)
      if (pattern.exception === matched && (this.#inherits(pattern) || pattern.matches(path, name))) matched = !matched;
    return matched;
  }

  deciding(path: string, name: string): string | undefined {
    let by: Pattern | undefined;
    for (const pattern of this.#candidates)
      if (pattern.exception === (by !== undefined) && (this.#inherits(pattern) || pattern.matches(path, name)))
        by = pattern.exception ? undefined : pattern;
    return by?.text;
  }

  /** The scope of the child folder `name`, whose whole path is `path`. */
  enter(path: string, name: string): Scope {
    const inherited = this.#all.filter((pattern) => this.#inherits(pattern) || pattern.matches(path, name));
    return new Scope(this.#all, inherited, path, this.#depth + 1);
  }

  /** Whether something below may be judged otherwise than this folder is, given how that is. */
  mayChange(matched: boolean): boolean {
    const path = this.#folder === "" ? [] : this.#folder.split("/");
    return this.#all.some(
      (pattern) => pattern.exception === matched && !this.#inherits(pattern) && pattern.mayMatchBelow(path),
    );
  }

  #inherits(pattern: Pattern): boolean {
    return this.#inherited.length > 0 && this.#inherited.includes(pattern);
  }
}

export type { Scope };

interface Pattern {
  readonly text: string;
  readonly exception: boolean;
  /** How many slashes a path must have to match; undefined when that varies. */
  readonly depth: number | undefined;
  matches(path: string, name: string): boolean;
  /** Whether a path below the folder can match. May say yes too often. */
  mayMatchBelow(folder: readonly string[]): boolean;
}

function compile(text: string, source: string | undefined): Pattern {
  const exception = text.startsWith("!");
  const bare = exception ? text.slice(1) : text;
  const bad: Bad = (why, hint) => malformed(text, source, why, hint);
  if (bare === "") throw bad('nothing follows "!"', "Write what to take back, or remove the line");

  const tokens = tokenize(cleanPath(bare), bad);
  const literal = tokens.map((token) => token.text).join("");
  const below = componentTests(tokens);
  const common = {
    text,
    exception,
    mayMatchBelow: (folder: readonly string[]) => mayMatchBelow(below, folder),
  };
  // The shapes that moby tells apart too; all but the last need no regular expression over a whole path.
  if (tokens.every((token) => token.kind === "literal"))
    return { ...common, depth: slashes(literal), matches: (path) => path === literal };
  const [first, ...rest] = tokens;
  if (first?.kind === "any" && rest.every((token) => token.kind === "literal")) {
    if (rest.length === 0) return { ...common, depth: undefined, matches: () => true };
    const suffix = (first.slash ? "/" : "") + rest.map((token) => token.text).join("");
    return {
      ...common,
      depth: undefined,
      matches: (path) => path.endsWith(suffix) || (first.slash && path === suffix.slice(1)),
    };
  }
  const last = tokens.at(-1);
  if (last?.kind === "any" && tokens.slice(0, -1).every((token) => token.kind === "literal")) {
    const prefix = tokens
      .slice(0, -1)
      .map((token) => token.text)
      .join("");
    return { ...common, depth: undefined, matches: (path) => path.startsWith(prefix) };
  }
  if (first?.kind === "any" && rest.every((token) => flat(token) && token.text !== "/")) {
    const name = regexp(rest);
    return { ...common, depth: undefined, matches: (_path, base) => name.test(base) };
  }
  const whole = regexp(tokens);
  return {
    ...common,
    depth: tokens.every(flat)
      ? tokens.filter((token) => token.kind === "literal" && token.text === "/").length
      : undefined,
    matches: (path) => whole.test(path),
  };
}

/** A path as a pattern that matches nothing else, and what is below it. */
export function literalPattern(path: string): string {
  return path.replaceAll(/[\\*?[\]!]/g, "\\$&").replaceAll(/\s/g, "[$&]");
}

/** A test for names, without slashes, by the wildcards alone: nothing is stripped and "!" is a character. */
export function compileName(pattern: string): (name: string) => boolean {
  const test = regexp(tokenize(pattern, (why, hint) => malformed(pattern, undefined, why, hint)));
  return (name) => test.test(name);
}

function malformed(text: string, source: string | undefined, why: string, hint: string | undefined): BuildError {
  const where = source === undefined ? "" : ` in ${source}`;
  return new BuildError(
    "SPEC",
    `Cannot read the pattern "${text}"${where}: ${why}`,
    hint === undefined ? {} : { hint },
  );
}

type Token =
  /** One character that stands for itself. */
  | { readonly kind: "literal"; readonly text: string }
  /** `**`, with the slash after it. */
  | { readonly kind: "any"; readonly slash: boolean; readonly text: string }
  | { readonly kind: "star" | "one"; readonly text: string }
  /** A bracket expression as a JavaScript one, and whether a slash can match it. */
  | { readonly kind: "class"; readonly text: string; readonly slash: boolean };

type Bad = (why: string, hint?: string) => BuildError;

function tokenize(pattern: string, bad: Bad): Token[] {
  const tokens: Token[] = [];
  const chars = Array.from(pattern);
  for (let at = 0; at < chars.length; at++) {
    const char = chars[at] ?? "";
    if (char === "*" && chars[at + 1] === "*") {
      at++;
      const slash = chars[at + 1] === "/";
      if (slash) at++;
      tokens.push({ kind: "any", slash, text: "**" });
    } else if (char === "*") tokens.push({ kind: "star", text: "*" });
    else if (char === "?") tokens.push({ kind: "one", text: "?" });
    else if (char === "[") {
      const bracket = readClass(chars, at, bad);
      tokens.push(bracket.token);
      at = bracket.end;
    } else if (char === "\\") {
      const next = chars[++at];
      if (next === undefined) throw bad('nothing follows the last "\\"', String.raw`Write \\ for a backslash`);
      tokens.push({ kind: "literal", text: next });
    } else tokens.push({ kind: "literal", text: char });
  }
  return tokens;
}

/** Reads `[abc]`, `[^a-z]`, `[\]]` by the grammar of Go's filepath.Match. */
function readClass(chars: readonly string[], start: number, bad: Bad): { token: Token; end: number } {
  const unclosed = (): BuildError =>
    bad(`the "[" is not closed, or holds a bare "]" or "-"`, String.raw`Write \[ for the character itself`);
  let at = start + 1;
  const negated = chars[at] === "^";
  if (negated) at++;
  const character = (): string => {
    let char = chars[at++];
    if (char === "]" || char === "-") throw unclosed();
    if (char === "\\") char = chars[at++];
    if (char === undefined) throw unclosed();
    return char;
  };
  let body = "";
  let slash = false;
  do {
    const low = character();
    let high = low;
    if (chars[at] === "-") {
      at++;
      high = character();
    }
    if (codePoint(high) < codePoint(low)) throw bad(`the range "${low}-${high}" runs backwards`);
    slash ||= codePoint(low) <= 0x2f && 0x2f <= codePoint(high);
    body += low === high ? escape(low) : `${escape(low)}-${escape(high)}`;
  } while (chars[at] !== "]");
  return { token: { kind: "class", text: `[${negated ? "^" : ""}${body}]`, slash: slash !== negated }, end: at };
}

function regexp(tokens: readonly Token[]): RegExp {
  const last = tokens.length - 1;
  const text = tokens.map((token, index) => {
    if (token.kind === "literal") return escape(token.text);
    if (token.kind === "class") return token.text;
    if (token.kind === "any") return index === last ? ".*" : "(?:.*/)?";
    return token.kind === "star" ? "[^/]*" : "[^/]";
  });
  // v8 backtracks where Go does not: runs of stars are one star, and neighbouring `**` one `**`.
  const simple = text.filter((part, index) => !(part === text[index - 1] && /[*?]$/.test(part) && part.length > 1));
  return new RegExp(`^${simple.join("")}$`, "su");
}

/** Whether what it matches has no slash unless it is one. */
function flat(token: Token): boolean {
  return token.kind !== "any" && !(token.kind === "class" && token.slash);
}

/** One test a component, "any" from the first that may hold a slash. */
type ComponentTest = RegExp | "any";

function componentTests(tokens: readonly Token[]): ComponentTest[] {
  const tests: ComponentTest[] = [];
  let component: Token[] = [];
  for (const token of tokens) {
    if (token.kind === "any" || (token.kind === "class" && token.slash)) return [...tests, "any"];
    if (token.kind === "literal" && token.text === "/") {
      tests.push(regexp(component));
      component = [];
    } else component.push(token);
  }
  return [...tests, regexp(component)];
}

function mayMatchBelow(tests: readonly ComponentTest[], folder: readonly string[]): boolean {
  for (const [index, name] of folder.entries()) {
    const test = tests[index];
    if (test === "any") return true;
    if (test === undefined || !test.test(name)) return false;
  }
  return tests.length > folder.length;
}

/** Go's path.Clean: no "." or empty components, ".." taken with what is before it. */
export function cleanPath(path: string): string {
  const rooted = path.startsWith("/");
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === ".." && parts.length > 0 && parts.at(-1) !== "..") parts.pop();
    else if (part !== ".." || !rooted) parts.push(part);
  }
  return (rooted ? "/" : "") + parts.join("/") || ".";
}

function slashes(text: string): number {
  return text.split("/").length - 1;
}

function codePoint(char: string): number {
  return char.codePointAt(0) ?? 0;
}

function escape(char: string): string {
  return /^[\w\s]$/.test(char) || codePoint(char) > 0x7f ? char : `\\x${codePoint(char).toString(16).padStart(2, "0")}`;
}
