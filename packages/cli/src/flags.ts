import { UsageError } from "./usage.ts";

/** What stands for an argument "-" while yargs works. */
export const dash = "\0-";

/** Parsed flags of a command, by the types that they were declared with. */
export class Flags {
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(values: Readonly<Record<string, unknown>>) {
    this.#values = values;
  }

  /** A flag or positional that takes one value. Throws UsageError when it was given twice. */
  text(name: string): string | undefined {
    const value = this.#values[name];
    if (Array.isArray(value)) throw new UsageError(`Cannot use --${name} more than once`);
    if (value === undefined) return undefined;
    if (typeof value !== "string") throw new TypeError(`--${name} was not declared as text`);
    return value === dash ? "-" : value;
  }

  /** A positional that yargs has made sure of. */
  required(name: string): string {
    const value = this.text(name);
    if (value === undefined) throw new UsageError(`Cannot go on without <${name}>`);
    return value;
  }

  /** A flag that may be repeated. */
  list(name: string): readonly string[] {
    const value = this.#values[name];
    if (value === undefined) return [];
    return [value]
      .flat()
      .map(String)
      .map((each) => (each === dash ? "-" : each));
  }

  /** A switch; undefined when nobody touched it. */
  switched(name: string): boolean | undefined {
    return this.#values[name] === undefined ? undefined : this.on(name);
  }

  /** Whether anybody gave it. */
  given(name: string): boolean {
    return this.#values[name] !== undefined;
  }

  on(name: string): boolean {
    const value = this.#values[name];
    return Array.isArray(value) ? value.at(-1) === true : value === true;
  }
}
