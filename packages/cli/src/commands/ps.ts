import { parseFilters } from "../containers/container-filter.ts";
import { engineOptions, Engines } from "../containers/engines.ts";
import { explain } from "../explain.ts";
import type { Command } from "../program.ts";
import { styleFor } from "../progress/terminal.ts";
import { shownDigits, showContainers } from "../show/show-containers.ts";

export const command: Command = {
  options: {
    all: { type: "boolean", alias: "a", describe: "also those that do not run" },
    filter: {
      type: "string",
      array: true,
      requiresArg: true,
      alias: "f",
      describe: "KEY=VALUE: name, id, status, label, ancestor (an image), exited, engine",
    },
    "no-trunc": { type: "boolean", describe: "whole IDs, names and commands" },
    quiet: { type: "boolean", alias: "q", describe: "IDs alone" },
    ...engineOptions,
  },
  examples: [
    ["ps -a", "all containers, on all engines"],
    ["ps -q --filter label=app=web", "the IDs of some, for other commands"],
  ],
  run: async ({ flags, signal }) => {
    const passes = parseFilters(flags.list("filter"));
    await using engines = Engines.from(flags);
    const listed = await engines.list((error) => void process.stderr.write(explain(error, styleFor(process.stderr))), {
      signal,
    });
    const byStatus = flags.list("filter").some((filter) => /^(?:status|exited)=/.test(filter));
    const engine = flags.text("engine");
    const containers = listed.filter(
      (container) =>
        (flags.on("all") || byStatus || container.status === "running" || container.status === "paused") &&
        (engine === undefined || container.engine === engine) &&
        passes(container),
    );
    const whole = flags.on("no-trunc");
    if (flags.on("json")) process.stdout.write(`${JSON.stringify(containers, undefined, 2)}\n`);
    else if (flags.on("quiet"))
      process.stdout.write(containers.map(({ id }) => `${whole ? id : id.slice(0, shownDigits)}\n`).join(""));
    else process.stdout.write(showContainers(containers, { whole, now: Date.now() }));
  },
};
