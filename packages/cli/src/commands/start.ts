import { forEachName } from "../containers/each-container.ts";
import { Engines, rootOption } from "../containers/engines.ts";
import { waitInForeground } from "../containers/foreground.ts";
import type { Command } from "../program.ts";
import { UsageError } from "../usage.ts";

export const command: Command = {
  positionals: { containers: { type: "string", array: true, describe: "names or IDs" } },
  options: {
    attach: { type: "boolean", alias: "a", describe: "stay with it, as run does without --detach" },
    interactive: { type: "boolean", alias: "i", describe: "the same; it reads what comes here if it was run with -i" },
    ...rootOption,
  },
  examples: [["start web", "again, with what it was run with"]],
  run: async ({ flags, signal, interruption }) => {
    await using engines = Engines.from(flags);
    const names = flags.list("containers");
    if (!flags.on("attach") && !flags.on("interactive"))
      return await forEachName(flags, names, signal, async (name) => {
        const container = await engines.container(name);
        // As docker: what runs is as it should be.
        if ((await container.info({ signal })).status === "running") return;
        await container.start({ signal, stdio: "none", detached: true });
      });
    const [name = "", ...others] = names;
    if (others.length > 0) throw new UsageError("Cannot stay with more than one container: --attach takes one");
    const { plan } = engines.find(name);
    if (plan.terminal && !(process.stdin.isTTY && process.stdout.isTTY))
      throw new UsageError(`Cannot stay with "${name}": it has a terminal, and there is none here`);
    const container = await engines.container(name);
    const program = await container.start({ signal, stdio: "inherit", detached: false });
    const { code } = await waitInForeground(container, program, interruption, { restarts: plan.restart.name !== "no" });
    return code;
  },
};
