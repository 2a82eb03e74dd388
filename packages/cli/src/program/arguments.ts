import type { Options } from "yargs";

/** The arguments of a command, and those that it passes on to another program. */
export interface DividedArguments {
  readonly own: readonly string[];
  readonly rest: readonly string[];
}

/**
 * Makes `-itw/x` what it is for getopt(3), docker and podman, `-i -t --workdir=/x`: yargs takes the
 * value of a letter only in some cases. With `passesOn`, what follows the first argument that is no
 * flag is left alone: `lading run app ls -l`. `bare` has flags that may stand without a value, and what that means:
 * `--sbom` is `--sbom=cyclonedx`, and the argument after it another one.
 */
export function divideArguments(
  args: readonly string[],
  options: Readonly<Record<string, Options>>,
  passesOn: boolean,
  bare: Readonly<Record<string, string>> = {},
): DividedArguments {
  const names = optionNames(options);
  const takesValue = (name: string): boolean =>
    (options[names.get(name) ?? ""] ?? { type: "boolean" }).type !== "boolean";
  const own: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] ?? "";
    if (arg === "--" && !passesOn) return { own: [...own, ...args.slice(at)], rest: [] };
    if (arg === "--") return { own: [...own, ...args.slice(at + 1, at + 2)], rest: args.slice(at + 2) };
    if (!arg.startsWith("-") || arg === "-") {
      own.push(arg);
      if (passesOn) return { own, rest: args.slice(at + 1) };
      continue;
    }
    const meant = arg.startsWith("--") && Object.hasOwn(bare, arg.slice(2)) ? `${arg}=${bare[arg.slice(2)]}` : arg;
    const written = arg.startsWith("--") ? [meant] : letters(arg.slice(1), names, takesValue);
    own.push(...written);
    // The next argument is the value of a flag without one, whatever it looks like.
    const last = written.at(-1) ?? "";
    const next = args[at + 1];
    if (!last.includes("=") && takesValue(last.replace(/^--?/, "")) && next !== undefined) {
      own.push(next);
      at++;
    }
  }
  return { own, rest: [] };
}

/** From names and aliases to names. */
function optionNames(options: Readonly<Record<string, Options>>): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(options).flatMap(([name, { alias }]) =>
      [name, ...(alias === undefined ? [] : [alias].flat())].map((each) => [each, name] as const),
    ),
  );
}

/** `itw/x` as flags of their own; as it was when a letter is no flag, for yargs to tell. */
function letters(
  group: string,
  names: ReadonlyMap<string, string>,
  takesValue: (name: string) => boolean,
): readonly string[] {
  const flags: string[] = [];
  for (let at = 0; at < group.length; at++) {
    const letter = group[at] ?? "";
    const name = names.get(letter);
    if (name === undefined) return [`-${group}`];
    const after = group.slice(at + 1);
    if (after.startsWith("=")) return [...flags, `--${name}${after}`];
    if (takesValue(letter) && after !== "") return [...flags, `--${name}=${after}`];
    flags.push(`-${letter}`);
  }
  return flags;
}
