import yargs, { type Argv, type Options, type PositionalOptions } from "yargs";
import { exitCode, explain } from "./explain.ts";
import { dash, Flags } from "./flags.ts";
import { styleFor } from "./progress/terminal.ts";
import { nearest, UsageError } from "./usage.ts";
import { version } from "./version.ts";

/** What a command gets to work with. */
interface Invocation {
  readonly flags: Flags;
  /** What follows the first positional of a command that `passesOn`; not parsed. */
  readonly rest: readonly string[];
  /** Aborted by Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal;
}

/** A command; each has a module of its own that is loaded only when the command is called. */
export interface Command {
  readonly positionals?: Readonly<Record<string, PositionalOptions>>;
  readonly options?: Readonly<Record<string, Options>>;
  /** Command line (without "lading") and what it does. */
  readonly examples?: readonly (readonly [string, string])[];
  /** The exit code, when it is another than 0. */
  readonly run: (invocation: Invocation) => Promise<void | number>;
}

interface CommandEntry {
  readonly usage: string;
  readonly describe: string;
  /** Whether everything after the first positional is another program's: `lading run app ls -l`. */
  readonly passesOn?: true;
  readonly load: () => Promise<{ readonly command: Command }>;
}

const commands: readonly CommandEntry[] = [
  {
    usage: "build [context]",
    describe: "Build an image from files",
    load: async () => await import("./commands/build.ts"),
  },
  {
    usage: "init [folder]",
    describe: "Write a lading.yaml that fits a folder",
    load: async () => await import("./commands/init.ts"),
  },
  {
    usage: "inspect <place>",
    describe: "Show what an image is made of",
    load: async () => await import("./commands/inspect.ts"),
  },
  {
    usage: "diff <a> <b>",
    describe: "Compare two images, file by file",
    load: async () => await import("./commands/diff.ts"),
  },
  {
    usage: "digest <place>",
    describe: "Print the digest that a place names",
    load: async () => await import("./commands/digest.ts"),
  },
  {
    usage: "copy [source] [destination]",
    describe: "Copy an image to another place, unchanged, or a list of images",
    load: async () => await import("./commands/copy.ts"),
  },
  {
    usage: "pull <source> [destination]",
    describe: "Fetch an image into a file",
    load: async () => await import("./commands/pull.ts"),
  },
  {
    usage: "push <place> [names..]",
    describe: "Send an image to a registry, under one name or several",
    load: async () => await import("./commands/push.ts"),
  },
  {
    usage: "tags <repository>",
    describe: "List the tags of a repository",
    load: async () => await import("./commands/tags.ts"),
  },
  {
    usage: "referrers <place>",
    describe: "List signatures, SBOMs and attestations of an image",
    load: async () => await import("./commands/referrers.ts"),
  },
  {
    usage: "delete <place>",
    describe: "Delete a tag or a manifest from a registry",
    load: async () => await import("./commands/delete.ts"),
  },
  {
    usage: "serve <place>",
    describe: "Serve images as a registry",
    load: async () => await import("./commands/serve.ts"),
  },
  {
    usage: "login [registry]",
    describe: "Keep credentials for a registry, once it has taken them",
    load: async () => await import("./commands/login.ts"),
  },
  {
    usage: "logout [registry]",
    describe: "Forget the credentials of a registry",
    load: async () => await import("./commands/logout.ts"),
  },
  {
    usage: "run <image>",
    describe: "Run a program of an image, isolated: run [options] <image> [command..]",
    passesOn: true,
    load: async () => await import("./commands/run.ts"),
  },
  {
    usage: "export <place> <destination>",
    describe: "Unpack an image's files into a folder, or as a tar to -",
    load: async () => await import("./commands/export.ts"),
  },
  {
    usage: "cache [action]",
    describe: "Show or clean what builds left: ls, prune, clear, dir",
    load: async () => await import("./commands/cache.ts"),
  },
  {
    usage: "doctor",
    describe: "Check this machine for what Lading needs",
    load: async () => await import("./commands/doctor.ts"),
  },
];

/** Runs the command line and returns the exit code; never throws. `signal` aborts the work. */
export async function runProgram(args: readonly string[], signal: AbortSignal): Promise<number> {
  const verbose = args.includes("--verbose");
  // What may be typed, for suggestions; a command's own options join when it is loaded.
  const known = new Set(["help", "version", ...Object.keys(globalOptions)]);
  try {
    let code = 0;
    const [own, rest] = await divided(args);
    await program(own, rest, signal, known, (result) => (code = result)).parseAsync();
    return code;
  } catch (error) {
    // Of its own errors yargs hands some to `fail`, and some it just throws.
    const told = error instanceof Error && error.name === "YError" ? usageError(error.message, args, known) : error;
    const reason: unknown = signal.aborted ? signal.reason : told;
    process.stderr.write(explain(reason, styleFor(process.stderr), { verbose }));
    return exitCode(reason);
  }
}

const globalOptions: Readonly<Record<string, Options>> = {
  json: { type: "boolean", describe: "one JSON document on stdout" },
  progress: {
    choices: ["auto", "tty", "plain", "json", "none"],
    requiresArg: true,
    describe: "how to show progress, on stderr",
  },
  quiet: { type: "boolean", alias: "q", describe: "print the result alone" },
  verbose: { type: "boolean", describe: "say more, and where errors come from" },
};

/** The arguments that are ours, and those of the program that a command passes them on to. */
async function divided(args: readonly string[]): Promise<readonly [readonly string[], readonly string[]]> {
  const called = commands.find(({ usage }) => usage.split(" ")[0] === args[0]);
  if (called?.passesOn === undefined) return [args, []];
  const { options = {} } = (await called.load()).command;
  const table: Readonly<Record<string, Options>> = { ...globalOptions, ...options };
  const takesValue = (name: string): boolean =>
    Object.entries(table).some(
      ([key, { alias, type }]) => (key === name || [alias].flat().includes(name)) && type !== "boolean",
    );
  for (let at = 1; at < args.length; at++) {
    const arg = args[at] ?? "";
    if (!arg.startsWith("-") || arg === "-") return [args.slice(0, at + 1), args.slice(at + 1)];
    const name = arg.startsWith("--") ? arg.slice(2) : arg.slice(-1);
    if (table[name] !== undefined ? table[name].type !== "boolean" : !arg.includes("=") && takesValue(name)) at++;
  }
  return [args, []];
}

function program(
  args: readonly string[],
  rest: readonly string[],
  signal: AbortSignal,
  known: Set<string>,
  finish: (code: number) => void,
): Argv {
  // yargs lays out the help text whether it is asked for or not, which costs more than the rest of
  // it together: unasked, there is little to lay out.
  const helping = args.some((arg) => ["--help", "-h", "help", "completion", "--get-yargs-completions"].includes(arg));
  const shown = (options: Readonly<Record<string, Options>>): Record<string, Options> =>
    Object.fromEntries(
      Object.entries(options).map(([name, option]) => [name, helping ? option : { ...option, hidden: true }]),
    );
  const called = commands.filter(({ usage }) => usage.split(" ")[0] === args[0]);
  // yargs would take a lone dash for a flag without a name.
  let parser = yargs(args.map((arg) => (arg === "-" ? dash : arg)))
    .scriptName("lading")
    .locale("en")
    .usage("lading: build container images from files, without a daemon\n\nUsage: $0 <command> [options]")
    .parserConfiguration({
      "boolean-negation": false,
      "camel-case-expansion": false,
      "dot-notation": false,
      "greedy-arrays": false,
      "parse-numbers": false,
      "parse-positional-numbers": false,
    })
    .options(shown(globalOptions))
    .group([...Object.keys(globalOptions), "help", "version"], "On every command:")
    .demandCommand(1, "Cannot go on without a command")
    .strict()
    .exitProcess(false)
    .version("version", "print the version", version)
    .showHelpOnFail(false)
    .fail((message: string | undefined, error: Error | undefined) => {
      throw error ?? usageError(message ?? "", args, known);
    });
  if (helping)
    parser = parser
      .help("help", "show this")
      .alias("help", "h")
      .completion("completion", "Print a completion script for the shell")
      .wrap(Math.min(100, process.stdout.columns || 100));
  else parser = parser.help(false).wrap(null);
  for (const { usage, describe, load } of helping || called.length === 0 ? commands : called)
    parser = parser.command(
      usage,
      describe,
      async (inner) => {
        const { positionals = {}, options = {}, examples = [] } = (await load()).command;
        for (const name of Object.keys(options)) known.add(name);
        for (const [name, positional] of Object.entries(positionals)) inner.positional(name, positional);
        return inner
          .options(shown(options))
          .example((helping ? examples : []).map(([line, what]) => [`$0 ${line}`, what]));
      },
      async (values) => finish((await (await load()).command.run({ flags: new Flags(values), rest, signal })) ?? 0),
    );
  return parser;
}

// yargs tells by English messages (the locale is fixed above) what was wrong; here they become ours.
function usageError(message: string, args: readonly string[], options: ReadonlySet<string>): UsageError {
  // An unknown flag may have taken an argument for its value; it is what is wrong then.
  const slip = args
    .map((arg) => arg.split("=")[0] ?? arg)
    .find((arg) => arg.startsWith("--") && arg.length > 2 && !options.has(arg.slice(2)));
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
    const known = commands.map((command) => command.usage.split(" ")[0] ?? "");
    if (args.find((arg) => !arg.startsWith("-")) === word) {
      const meant = nearest(word, [...known, "completion"]);
      return new UsageError(`Unknown command "${word}"`, {
        hint: meant === undefined ? `Commands: ${known.join(", ")}` : `Did you mean "${meant}"?`,
      });
    }
    return new UsageError(`Unexpected argument "${word}"`, { hint: `See \`lading ${args[0] ?? ""} --help\`` });
  }
  const following = /^Not enough arguments following: (.*)$/.exec(message);
  if (following !== null)
    return new UsageError(`Cannot use --${following[1]} without a value`, {
      hint: `A value that begins with a dash is written --${following[1]}=VALUE`,
    });
  if (message.startsWith("Not enough non-option arguments"))
    return new UsageError(`Cannot run "lading ${args[0] ?? ""}" without all its arguments`, {
      hint: `See \`lading ${args[0] ?? ""} --help\``,
    });
  const choice = /Argument: (\S+), Given: (.*), Choices: (.*)/s.exec(message);
  if (choice !== null) return new UsageError(`Cannot use --${choice[1]} ${choice[2]}: expected one of ${choice[3]}`);
  return new UsageError(message, { hint: "See `lading --help`" });
}

function unknownOption(typed: string, options: ReadonlySet<string>): UsageError {
  const meant = nearest(
    typed,
    [...options].map((name) => `--${name}`),
  );
  return new UsageError(`Unknown option ${typed}`, {
    hint: meant === undefined ? "See `lading --help` and `lading <command> --help`" : `Did you mean ${meant}?`,
  });
}
