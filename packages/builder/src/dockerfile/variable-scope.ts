import { BuildError } from "../errors.ts";
import { expandHeredoc, expandWord } from "./expand-word.ts";
import type { Instruction } from "./syntax.ts";

interface Expanded {
  /** Undefined when it depends on what is not known here. */
  readonly text: string | undefined;
  readonly missing: readonly string[];
  readonly used: readonly string[];
}

/** The variables at one point of a stage. A value is undefined when it is known only at the build. */
export class VariableScope {
  readonly escape: "\\" | "`";
  /** Whether a base that is not known may have set more. */
  readonly open: boolean;
  readonly args = new Map<string, string | undefined>();
  /** Arguments without a default. */
  readonly unset = new Set<string>();
  readonly env = new Map<string, string | undefined>();
  /** Whether WORKDIR came before. */
  hasWorkdir = false;
  /** Whether SHELL came before. */
  hasShell = false;

  constructor(escape: "\\" | "`", open: boolean) {
    this.escape = escape;
    this.open = open;
  }

  /** For a stage that is built on this one, which sees its arguments as well. */
  inherit(): VariableScope {
    const scope = new VariableScope(this.escape, this.open);
    for (const [name, value] of this.env) scope.env.set(name, value);
    for (const [name, value] of this.args) scope.args.set(name, value);
    for (const name of this.unset) scope.unset.add(name);
    scope.hasWorkdir = this.hasWorkdir;
    scope.hasShell = this.hasShell;
    return scope;
  }

  get names(): readonly string[] {
    return [...this.env.keys(), ...this.args.keys()];
  }

  expand(text: string, expand: typeof expandWord | typeof expandHeredoc = expandWord): Expanded {
    const missing = new Set<string>();
    const used = new Set<string>();
    let unknown = false;
    const lookup = (name: string): string | undefined => {
      if (!this.env.has(name) && !this.args.has(name)) {
        missing.add(name);
        unknown ||= this.open;
        return undefined;
      }
      used.add(name);
      const value = this.env.has(name) ? this.env.get(name) : this.args.get(name);
      unknown ||= value === undefined;
      // What is known only at the build is taken for something.
      return value ?? "x";
    };
    try {
      const result = expand(text, lookup, { escape: this.escape });
      return { text: unknown ? undefined : result, missing: [...missing], used: [...used] };
    } catch (error) {
      // `${NAME:?}` is for the build to refuse.
      if (!(error instanceof BuildError)) throw error;
      return { text: undefined, missing: [], used: [...used] };
    }
  }

  /** Goes past an instruction. */
  apply(instruction: Instruction, global?: VariableScope): void {
    if (instruction.keyword === "WORKDIR") this.hasWorkdir = true;
    if (instruction.keyword === "SHELL") this.hasShell = true;
    if (instruction.keyword === "ENV") {
      const values = instruction.pairs.map(({ name, value }) => [
        this.expand(name.text).text,
        this.expand(value.text).text,
      ]);
      for (const [name, value] of values) if (name !== undefined) this.env.set(name, value);
    }
    if (instruction.keyword === "ARG")
      for (const { name, value } of instruction.args) {
        // What the command line gives instead is not known: this is what the file means.
        const text = value === undefined ? global?.args.get(name.text) : this.expand(value.text).text;
        if (value === undefined && this.args.has(name.text)) continue;
        this.args.set(name.text, text);
        if (value === undefined) this.unset.add(name.text);
        else this.unset.delete(name.text);
      }
  }
}
