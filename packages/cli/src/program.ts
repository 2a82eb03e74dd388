import type { Options, PositionalOptions } from "yargs";
import { divideArguments, type DividedArguments } from "./program/arguments.ts";
import { calledBy, commandGroups, nameOf } from "./program/command-table.ts";
import { exitCode, explain } from "./explain.ts";
import { Flags } from "./flags.ts";
import type { Interruption } from "./interruption.ts";
import { plainArguments } from "./program/plain-arguments.ts";
import { styleFor } from "./progress/terminal.ts";

/** What a command gets to work with. */
export interface Invocation {
  readonly flags: Flags;
  /** What follows the first positional of a command that `passesOn`; not parsed. */
  readonly rest: readonly string[];
  /** Aborted by Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal;
  /** To pass signals on to a program instead. */
  readonly interruption: Interruption;
}

/** A command; each has a module of its own that is loaded only when the command is called. */
export interface Command {
  readonly positionals?: Readonly<Record<string, PositionalOptions>>;
  readonly options?: Readonly<Record<string, Options>>;
  /** Flags that take a value and may stand without one, and what they mean then. */
  readonly bare?: Readonly<Record<string, string>>;
  /** Command line (without "lading") and what it does. */
  readonly examples?: readonly (readonly [string, string])[];
  /** The exit code, when it is another than 0. */
  readonly run: (invocation: Invocation) => Promise<void | number>;
}

/** Runs the command line and returns the exit code; never throws. `interruption` aborts the work. */
export async function runProgram(args: readonly string[], interruption: Interruption): Promise<number> {
  const { signal } = interruption;
  const verbose = args.includes("--verbose");
  const { entry: called, words } = calledBy(args);
  try {
    const command = (await called?.load())?.command;
    const options = { ...globalOptions, ...command?.options };
    if (called === undefined || command === undefined) {
      if (commandGroups.has(args[0] ?? "")) {
        const { checkGroup } = await import("./program/usage-errors.ts");
        checkGroup(args);
      }
      return await withYargs({ own: args, rest: [] });
    }
    const { own, rest } = divideArguments(args.slice(words), options, called.passesOn === true, command.bare);
    const values = plainArguments(own, { usage: called.usage, positionals: command.positionals ?? {}, options });
    if (values === undefined) return await withYargs({ own: [...nameOf(called).split(" "), ...own], rest });
    return await run(command, values, rest);
  } catch (error) {
    const reason: unknown = signal.aborted ? signal.reason : error;
    process.stderr.write(explain(reason, styleFor(process.stderr), { verbose }));
    return exitCode(reason, { program: called?.passesOn === true });
  }

  async function withYargs(divided: DividedArguments): Promise<number> {
    const { runByYargs } = await import("./program/yargs-program.ts");
    return await runByYargs({ called, divided, globalOptions, run });
  }

  async function run(
    command: Command,
    values: Readonly<Record<string, unknown>>,
    rest: readonly string[],
  ): Promise<number> {
    const flags = new Flags(values);
    if (flags.on("offline")) {
      const { goOffline } = await import("./offline.ts");
      goOffline();
    }
    return (await command.run({ flags, rest, signal, interruption })) ?? 0;
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
  offline: { type: "boolean", describe: "make no connection; of base images, use what the cache has" },
  verbose: { type: "boolean", describe: "say more, and where errors come from" },
};
