import yargs, { type Argv, type Options } from "yargs";
import type { DividedArguments } from "./arguments.ts";
import { type CommandEntry, commandGroups, commands, commandsOf, nameOf } from "./command-table.ts";
import { dash } from "../flags.ts";
import type { Command } from "../program.ts";
import { usageError } from "./usage-errors.ts";
import { version } from "../version.ts";

/** A command line, and what is known of it. */
export interface Call {
  readonly called: CommandEntry | undefined;
  readonly divided: DividedArguments;
  /** Of every command. */
  readonly globalOptions: Readonly<Record<string, Options>>;
  /** Runs a command with what its arguments say; the exit code. */
  readonly run: (
    command: Command,
    values: Readonly<Record<string, unknown>>,
    rest: readonly string[],
  ) => Promise<number>;
}

/** Runs a command line through yargs, which knows help, completion, and what is wrong with arguments. Throws UsageError. */
export async function runByYargs(call: Call): Promise<number> {
  const { own: args } = call.divided;
  const command = (await call.called?.load())?.command;
  const letter = takesLetterH(command) ? [] : ["-h"];
  // yargs lays out the help text whether it is asked for or not, which costs more than the rest of
  // it together: unasked, there is little to lay out.
  const helping = args.some((arg) =>
    ["--help", "help", "completion", "--get-yargs-completions", ...letter].includes(arg),
  );
  if (helping && call.called === undefined && ["--help", "-h", "help"].includes(args[0] ?? "")) {
    process.stdout.write(`${withHeadings(await parser(call, command, helping).getHelp())}\n`);
    return 0;
  }
  let code = 0;
  try {
    await parser(call, command, helping, (result) => (code = result)).parseAsync();
  } catch (error) {
    // Of its own errors yargs hands some to `fail`, and some it just throws.
    throw error instanceof Error && error.name === "YError"
      ? usageError(error.message, args, known(call, command))
      : error;
  }
  return code;
}

/** For docker, podman and so for `run`, -h is the hostname. */
function takesLetterH(command: Command | undefined): boolean {
  return Object.values(command?.options ?? {}).some(({ alias }) => [alias ?? []].flat().includes("h"));
}

/** What may be typed, for suggestions. */
function known({ globalOptions }: Call, command: Command | undefined): ReadonlySet<string> {
  const options = { ...globalOptions, ...command?.options };
  const letters = Object.values(options).flatMap(({ alias }) => [alias ?? []].flat().map((letter) => `-${letter}`));
  return new Set(["help", "version", "-h", ...Object.keys(options), ...letters]);
}

function parser(
  call: Call,
  command: Command | undefined,
  helping: boolean,
  finish: (code: number) => void = () => undefined,
): Argv {
  const { called, globalOptions, run } = call;
  const { own: args, rest } = call.divided;
  const shown = (options: Readonly<Record<string, Options>>): Record<string, Options> =>
    Object.fromEntries(
      Object.entries(options).map(([name, option]) => [name, helping ? option : { ...option, hidden: true }]),
    );
  // yargs would take a lone dash for a flag without a name.
  let argv = yargs(args.map((arg) => (arg === "-" ? dash : arg)))
    .scriptName("lading")
    .locale("en")
    .usage("lading: build, move and run container images, without a daemon\n\nUsage: $0 <command> [options]")
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
      throw error ?? usageError(message ?? "", args, known(call, command));
    });
  if (helping) {
    argv = argv
      .help("help", "show this")
      .completion("completion", "Print a completion script for the shell")
      .wrap(Math.min(100, process.stdout.columns || 100));
    if (!takesLetterH(command)) argv = argv.alias("help", "h");
  } else argv = argv.help(false).wrap(null);
  const declare = (parent: Argv, { describe, load }: CommandEntry, usage: string): Argv =>
    parent.command(
      usage,
      describe,
      async (inner) => {
        const { positionals = {}, options = {}, examples = [] } = (await load()).command;
        for (const [name, positional] of Object.entries(positionals)) inner.positional(name, positional);
        return inner
          .options(shown(options))
          .example((helping ? examples : []).map(([line, what]) => [`$0 ${line}`, what]));
      },
      async (values) => {
        finish(await run((await load()).command, values, rest));
      },
    );
  const groups = new Set<string>();
  for (const entry of helping || called === undefined ? commands : [called]) {
    const [group = ""] = nameOf(entry).split(" ");
    const about = commandGroups.get(group);
    if (about === undefined) argv = declare(argv, entry, entry.usage);
    else if (!groups.has(group))
      argv = argv.command(group, about, (inner) =>
        commandsOf(group).reduce((at, each) => declare(at, each, each.usage.slice(group.length + 1)), inner),
      );
    groups.add(group);
  }
  return argv;
}

/** The help with the commands under headings, which yargs does not have. */
function withHeadings(help: string): string {
  const completion = /^ {2}lading completion .*\n/m.exec(help)?.[0] ?? "";
  let text = help.replace(completion, "").replace(/^Commands:\n/m, "");
  for (const entry of commands)
    if (entry.heading !== undefined)
      text = text.replace(
        new RegExp(`^(?= {2}lading ${nameOf(entry).split(" ")[0]} )`, "m"),
        `${entry === commands[0] ? "" : "\n"}${entry.heading}\n`,
      );
  return text.replace(/^(?=\nOn every command:)/m, completion);
}
