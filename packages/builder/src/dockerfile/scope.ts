import type { Lookup } from "./expand-word.ts";

/** The variables of a stage: what ENV sets beats what ARG declares. */
export class Scope {
  readonly #env = new Map<string, string>();
  readonly #args = new Map<string, string>();
  readonly #declared = new Set<string>();

  /** `env` is as a config has it: `NAME=value`. */
  constructor(env: readonly string[]) {
    for (const variable of env) {
      const equals = variable.indexOf("=");
      if (equals > 0) this.#env.set(variable.slice(0, equals), variable.slice(equals + 1));
    }
  }

  readonly lookup: Lookup = (name) => this.#env.get(name) ?? this.#args.get(name);

  setEnv(name: string, value: string): void {
    this.#env.set(name, value);
  }

  /** Declares an argument; without a value it is known and empty-handed. */
  declare(name: string, value: string | undefined): void {
    this.#declared.add(name);
    if (value !== undefined) this.#args.set(name, value);
  }

  /** `NAME=value`, for the config. */
  get env(): readonly string[] {
    return [...this.#env].map(([name, value]) => `${name}=${value}`);
  }

  /** `NAME=value`, for a step: arguments that no variable of the environment hides, and then the environment. */
  get stepEnv(): readonly string[] {
    const args = [...this.#args].filter(([name]) => !this.#env.has(name));
    return [...args.map(([name, value]) => `${name}=${value}`), ...this.env];
  }

  /** A scope for a stage that goes on from this one: its environment and its arguments. */
  inherit(): Scope {
    const scope = new Scope(this.env);
    for (const [name, value] of this.#args) scope.declare(name, value);
    return scope;
  }
}
