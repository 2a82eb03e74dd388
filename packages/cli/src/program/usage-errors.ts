import { calledBy, commands, commandsOf, nameOf } from "./command-table.ts";
import { nearest, UsageError } from "../usage.ts";

/** Throws UsageError for the first word of several commands with a second one that is none of theirs. */
export function checkGroup(args: readonly string[]): void {
  const [group = "", word] = args;
  if (word !== undefined && (word.startsWith("-") || word === "help")) return;
  const words = commandsOf(group).map((entry) => nameOf(entry).slice(group.length + 1));
  if (word === undefined)
    throw new UsageError(`Cannot go on with "lading ${group}" alone`, {
      hint: `Commands: ${words.map((each) => `${group} ${each}`).join(", ")}`,
    });
  const meant = nearest(word, words);
  throw new UsageError(`Unknown command "${group} ${word}"`, {
    hint:
      meant === undefined
        ? `Commands: ${words.map((each) => `${group} ${each}`).join(", ")}`
        : `Did you mean "${group} ${meant}"?`,
  });
}

/** yargs tells by English messages what was wrong with `args`; here they become ours. `options` are those that may be typed, letters with their dash. */
export function usageError(message: string, args: readonly string[], options: ReadonlySet<string>): UsageError {
  // An unknown flag may have taken an argument for its value; it is what is wrong then.
  const slip = args
    .map((arg) => arg.split("=")[0] ?? arg)
    .flatMap((arg) => (/^-[a-z]+$/i.test(arg) ? arg.slice(1).replaceAll(/./g, " -$&").trim().split(" ") : arg))
    .find((arg) =>
      arg.startsWith("--") ? arg.length > 2 && !options.has(arg.slice(2)) : /^-[a-z]$/i.test(arg) && !options.has(arg),
    );
  if (slip !== undefined) return unknownOption(slip, options);
  const unknown = /^Unknown (arguments?|commands?): (.*)$/.exec(message);
  if (unknown !== null) {
    const names = (unknown[2] ?? "").split(", ");
    // yargs names a flag with and without its dashes and values without any: what was typed decides.
    const typed = args.find(
      (arg) => arg.startsWith("-") && names.some((name) => arg.replace(/^-+/, "").split("=")[0] === name),
    );
    if (typed !== undefined) return unknownOption(typed.split("=")[0] ?? typed, options);
    const word = names[0] ?? "";
    const known = [...new Set(commands.map(nameOf).map((name) => name.split(" ")[0] ?? name))];
    if (args.find((arg) => !arg.startsWith("-")) === word) {
      const meant = nearest(word, [...known, "completion"]);
      return new UsageError(`Unknown command "${word}"`, {
        hint: meant === undefined ? `Commands: ${known.join(", ")}` : `Did you mean "${meant}"?`,
      });
    }
    return new UsageError(`Unexpected argument "${word}"`, { hint: `See \`lading ${nameIn(args)} --help\`` });
  }
  const following = /^Not enough arguments following: (.*)$/.exec(message);
  if (following !== null)
    return new UsageError(`Cannot use --${following[1]} without a value`, {
      hint: `A value that begins with a dash is written --${following[1]}=VALUE`,
    });
  if (message.startsWith("Not enough non-option arguments"))
    return new UsageError(`Cannot run "lading ${nameIn(args)}" without all its arguments`, {
      hint: `See \`lading ${nameIn(args)} --help\``,
    });
  const choice = /Argument: (\S+), Given: (.*), Choices: (.*)/s.exec(message);
  if (choice !== null) return new UsageError(`Cannot use --${choice[1]} ${choice[2]}: expected one of ${choice[3]}`);
  return new UsageError(message, { hint: "See `lading --help`" });
}

/** The words of the command that was called. */
function nameIn(args: readonly string[]): string {
  const { entry } = calledBy(args);
  return entry === undefined ? (args[0] ?? "") : nameOf(entry);
}

function unknownOption(typed: string, options: ReadonlySet<string>): UsageError {
  const known = [...options].filter((name) => !name.startsWith("-")).map((name) => `--${name}`);
  const meant = wordsOfJib.get(typed)?.find((word) => known.includes(word)) ?? nearest(typed, known);
  return new UsageError(`Unknown option ${typed}`, {
    hint: meant === undefined ? "See `lading --help` and `lading <command> --help`" : `Did you mean ${meant}?`,
  });
}

// What the Jib CLI calls the same.
const wordsOfJib = new Map([
  ["--build-file", ["--file"]],
  ["-b", ["--file"]],
  ["--target", ["--output"]],
  ["--name", ["--tag"]],
  ["--additional-tags", ["--tag"]],
  ["--image-metadata-out", ["--metadata-file"]],
  ["--base-image-cache", ["--cache-dir"]],
  ["--project-cache", ["--cache-dir"]],
]);
