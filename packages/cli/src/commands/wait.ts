import { forEachName } from "../containers/each-container.ts";
import { Engines, rootOption } from "../containers/engines.ts";
import type { Command } from "../program.ts";

export const command: Command = {
  positionals: { containers: { type: "string", array: true, describe: "names or IDs" } },
  options: rootOption,
  examples: [["wait job", "until it ends; prints its exit code"]],
  run: async ({ flags, signal }) => {
    await using engines = Engines.from(flags);
    return await forEachName(flags, flags.list("containers"), signal, async (name) => {
      const { code } = await (await engines.container(name)).wait({ signal });
      return code;
    });
  },
};
