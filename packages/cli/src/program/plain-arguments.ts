import type { Options, PositionalOptions } from "yargs";

export interface Declared {
  /** `run <image> [command..]`. */
  readonly usage: string;
  readonly positionals: Readonly<Record<string, PositionalOptions>>;
  readonly options: Readonly<Record<string, Options>>;
}

type Value = string | boolean | readonly string[];

/**
 * The values of arguments that are as they were declared, by name; undefined for all else (help,
 * unknown flags, missing values), which is yargs' to tell. It would find the same values, in some
 * 15 ms: a fifth of what `lading run` may take. `args` are those behind the command, as
 * `divideArguments` leaves them.
 */
export function plainArguments(
  args: readonly string[],
  { usage, positionals, options }: Declared,
): Readonly<Record<string, Value>> | undefined {
  const values: Record<string, Value> = {};
  const words: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] ?? "";
    if (!arg.startsWith("-") || arg === "-") {
      words.push(arg);
      continue;
    }
    const [, dashes = "", written = "", given] = /^(--?)([^=]+)(?:=(.*))?$/s.exec(arg) ?? [];
    const [name, option] = declared(written, options) ?? [];
    if (name === undefined || option === undefined || (dashes === "-") !== (written.length === 1)) return undefined;
    if (option.type === "boolean") {
      if (given !== undefined && given !== "true" && given !== "false") return undefined;
      values[name] = given !== "false";
      continue;
    }
    const value = given ?? args[++at];
    if (value === undefined || option.requiresArg !== true || !isPlain(value, given !== undefined, option.choices))
      return undefined;
    const before = [values[name] ?? []].flat().map(String);
    // What is no list and was given twice is one as well: `Flags` refuses it.
    values[name] = option.array === true || before.length > 0 ? [...before, value] : value;
  }
  return placed(words, usage, positionals, values);
}

function declared(written: string, options: Readonly<Record<string, Options>>): readonly [string, Options] | undefined {
  const own = Object.hasOwn(options, written) ? options[written] : undefined;
  if (own !== undefined) return [written, own];
  return Object.entries(options).find(([, { alias }]) => [alias ?? []].flat().includes(written));
}

function isPlain(value: string, joined: boolean, choices: Options["choices"]): boolean {
  // A value that begins with a dash may be a flag whose own value was forgotten.
  if (!joined && value.startsWith("-") && value !== "-" && !/^-\d+(?:\.\d+)?$/.test(value)) return false;
  return choices === undefined || choices.some((choice) => choice === value);
}

/** Puts words where `usage` has names for them. */
function placed(
  words: readonly string[],
  usage: string,
  positionals: Readonly<Record<string, PositionalOptions>>,
  values: Record<string, Value>,
): Readonly<Record<string, Value>> | undefined {
  let at = 0;
  for (const [, open, name = "", several] of usage.matchAll(/([<[])([\w-]+)(\.\.)?[>\]]/g)) {
    const { default: usual, choices } = positionals[name] ?? {};
    if (several !== undefined) {
      values[name] = words.slice(at);
      if (open === "<" && words.length <= at) return undefined;
      at = Math.max(at, words.length);
      continue;
    }
    const word = words[at++];
    if (word === undefined) {
      if (open === "<") return undefined;
      if (typeof usual === "string") values[name] = usual;
    } else if (choices === undefined || choices.some((choice) => choice === word)) values[name] = word;
    else return undefined;
  }
  return words.length > at ? undefined : values;
}
