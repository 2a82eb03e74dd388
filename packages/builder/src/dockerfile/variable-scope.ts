import { BuildError } from "../errors.ts";
import { expandHeredoc, expandWord } from "./expand-word.ts";
import type { Dockerfile, Instruction, StageSyntax } from "./syntax.ts";

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

  /** Whether the value of a variable is known before the build. */
  knows(name: string): boolean {
    return (this.env.has(name) ? this.env.get(name) : this.args.get(name)) !== undefined;
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

  /** Goes past an instruction. `given` is what the command line says of arguments, as far as that is known. */
  apply(instruction: Instruction, global?: VariableScope, given?: Readonly<Record<string, string>>): void {
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
        const own = given?.[name.text];
        const written = value === undefined ? global?.args.get(name.text) : this.expand(value.text).text;
        // Where all is said that will be, one without a value comes to nothing.
        const isNothing = given !== undefined && value === undefined;
        const text = own ?? written ?? (isNothing ? "" : undefined);
        if (own === undefined && value === undefined && this.args.has(name.text)) continue;
        this.args.set(name.text, text);
        if (own === undefined && value === undefined) this.unset.add(name.text);
        else this.unset.delete(name.text);
      }
  }
}

/** What is known of the variables before a build. */
export interface KnownVariables {
  /** Names of the environment that an image sets; undefined for one that is not known. */
  readonly baseVariables?: ((image: string) => Iterable<string> | undefined) | undefined;
  /** What the command line says of arguments. Default: nothing, so that the file's own defaults count. */
  readonly given?: Readonly<Record<string, string>> | undefined;
  /** The arguments that every build has by itself. Default: they are there, and what they are is not known. */
  readonly platform?: Readonly<Record<string, string>> | undefined;
}

const predefined: readonly string[] = ["BUILD", "TARGET"].flatMap((side) =>
  ["PLATFORM", "OS", "OSVERSION", "ARCH", "VARIANT"].map((part) => side + part),
);

/** The variables of FROM lines. */
export function globalScope(file: Dockerfile, { given, platform = {} }: KnownVariables = {}): VariableScope {
  const scope = new VariableScope(file.escape, false);
  for (const name of [...predefined, "TARGETSTAGE"]) scope.args.set(name, platform[name]);
  for (const instruction of file.args) scope.apply(instruction, undefined, given);
  return scope;
}

/** What a stage begins with; `stages` has what those above it end with, by name. */
export function stageScope(
  { from }: StageSyntax,
  global: VariableScope,
  stages: ReadonlyMap<string, VariableScope>,
  { baseVariables }: KnownVariables,
): VariableScope {
  const image = global.expand(from.image.text).text;
  const base = image === undefined ? undefined : stages.get(image.toLowerCase());
  if (base !== undefined) return base.inherit();
  const known = image === undefined || image === "scratch" ? [] : baseVariables?.(image);
  const scope = new VariableScope(global.escape, image === undefined || known === undefined);
  for (const name of ["PATH", ...(known ?? [])]) scope.env.set(name, undefined);
  return scope;
}
