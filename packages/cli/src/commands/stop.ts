import { forEachName, namedOrAll } from "../containers/each-container.ts";
import { Engines, rootOption } from "../containers/engines.ts";
import type { Command } from "../program.ts";
import { parseInteger } from "../run-flags/amounts.ts";
import { UsageError } from "../usage.ts";

export const command: Command = {
  positionals: { containers: { type: "string", array: true, describe: "names or IDs" } },
  options: {
    time: {
      type: "string",
      requiresArg: true,
      alias: "t",
      describe: "seconds until it is killed; default: as it was run with, else 10",
    },
    all: { type: "boolean", alias: "a", describe: "all that run" },
    ...rootOption,
  },
  examples: [["stop -t 2 web db", "two seconds to end by themselves"]],
  run: async ({ flags, signal }) => {
    const time = flags.text("time");
    const grace = time === undefined ? undefined : parseInteger("time", time, 0) * 1000;
    await using engines = Engines.from(flags);
    const running = flags.on("all") ? await engines.list(() => undefined, { signal }) : [];
    const names = namedOrAll(flags, () =>
      running.filter(({ status }) => status === "running" || status === "paused").map(({ name }) => name),
    );
    if (names.length === 0 && !flags.on("all")) throw new UsageError("Cannot stop anything: no container is named");
    return await forEachName(flags, names, signal, async (name) => {
      const container = await engines.container(name);
      await container.stop({ grace, signal });
    });
  },
};
