import { RunnerError } from "@lading/runner";
import { forEachName, namedOrAll } from "../containers/each-container.ts";
import { Engines, rootOption } from "../containers/engines.ts";
import type { Command } from "../program.ts";
import { UsageError } from "../usage.ts";

export const command: Command = {
  positionals: { containers: { type: "string", array: true, describe: "names or IDs" } },
  options: {
    force: {
      type: "boolean",
      alias: "f",
      describe: "also those that run: they are killed; and none that is not there",
    },
    all: { type: "boolean", alias: "a", describe: "all there are" },
    ...rootOption,
  },
  examples: [["rm -f web", "whether it runs or not"]],
  run: async ({ flags, signal }) => {
    const force = flags.on("force");
    await using engines = Engines.from(flags);
    const names = namedOrAll(flags, () => engines.records().map(({ name }) => name));
    if (names.length === 0 && !flags.on("all")) throw new UsageError("Cannot remove anything: no container is named");
    return await forEachName(flags, names, signal, async (name) => {
      try {
        await (await engines.container(name)).remove({ force, signal });
      } catch (error) {
        // As docker: what is not there is as it should be then.
        if (!(force && error instanceof RunnerError && error.code === "NOT_FOUND")) throw error;
      }
    });
  },
};
