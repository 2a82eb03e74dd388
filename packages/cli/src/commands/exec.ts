import { Engines, rootOption } from "../containers/engines.ts";
import type { Command } from "../program.ts";
import { parseEnvironment, readEnvironmentFile } from "../run-flags/environment.ts";
import { checkTerminal, stdioFor } from "../containers/terminal-stdio.ts";
import { UsageError } from "../usage.ts";

const text = { type: "string", requiresArg: true } as const;

export const command: Command = {
  positionals: {
    container: { type: "string", describe: "name or ID" },
    command: { type: "string", array: true, describe: "what to run; all that follows is its own" },
  },
  options: {
    interactive: { type: "boolean", alias: "i", describe: "give it standard input" },
    tty: { type: "boolean", alias: "t", describe: "give it a terminal" },
    detach: { type: "boolean", alias: "d", describe: "do not wait for it" },
    env: { ...text, array: true, alias: "e", describe: "NAME=value, or NAME for the value that it has here" },
    "env-file": { ...text, array: true, describe: "a file of such lines" },
    workdir: { ...text, alias: "w", describe: "default: the container's" },
    user: { ...text, alias: "u", describe: "USER[:GROUP]; default: the container's" },
    ...rootOption,
  },
  examples: [["exec -it web sh", "a shell in a container that runs"]],
  run: async ({ flags, rest, signal, interruption }) => {
    if (rest.length === 0)
      throw new UsageError(`Cannot run anything in "${flags.required("container")}": no command is named`, {
        hint: "See `lading exec --help`",
      });
    checkTerminal(flags);
    await using engines = Engines.from(flags);
    const container = await engines.container(flags.required("container"));
    const spec = {
      command: rest,
      env: [
        ...flags.list("env-file").flatMap((path) => readEnvironmentFile(path, process.env)),
        ...flags.list("env").flatMap((entry) => parseEnvironment(entry, process.env)),
      ],
      workdir: flags.text("workdir"),
      user: flags.text("user"),
      terminal: flags.on("tty"),
      interactive: flags.on("interactive"),
    };
    if (flags.on("detach")) {
      await container.exec(spec, { stdio: "none", signal });
      return 0;
    }
    const stdio = stdioFor(flags);
    const program = await container.exec(spec, { stdio: stdio.kind, signal });
    using _ = interruption.takeOver((name) => void program.kill(name).catch(() => undefined));
    const [{ code }] = await Promise.all([program.exit, stdio.connect(program)]);
    return code;
  },
};
