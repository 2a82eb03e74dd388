import { forEachName } from "../containers/each-container.ts";
import { Engines, rootOption } from "../containers/engines.ts";
import type { Command } from "../program.ts";
import { parseSignal } from "../run-flags/signals.ts";

export const command: Command = {
  positionals: { containers: { type: "string", array: true, describe: "names or IDs" } },
  options: {
    signal: { type: "string", requiresArg: true, alias: "s", describe: "its name or number; default: SIGKILL" },
    ...rootOption,
  },
  examples: [["kill -s HUP web", "send a signal to its program"]],
  run: async ({ flags, signal }) => {
    const name = parseSignal("signal", flags.text("signal") ?? "SIGKILL");
    await using engines = Engines.from(flags);
    return await forEachName(flags, flags.list("containers"), signal, async (each) => {
      await (await engines.container(each)).kill(name, { signal });
    });
  },
};
