import { setTimeout as sleep } from "node:timers/promises";
import { ContainerUsage } from "../containers/container-usage.ts";
import { Engines, rootOption } from "../containers/engines.ts";
import type { Flags } from "../flags.ts";
import { untilInterrupted } from "../interruption.ts";
import type { Command } from "../program.ts";
import { fit } from "../progress/terminal.ts";
import { showStats, type Usage } from "../show/show-stats.ts";

const interval = 1000; // milliseconds

export const command: Command = {
  positionals: { containers: { type: "string", array: true, describe: "names or IDs; default: all that run" } },
  options: {
    "no-stream": { type: "boolean", describe: "once, and no more" },
    ...rootOption,
  },
  examples: [
    ["stats", "what all of them use, as it changes"],
    ["stats --no-stream --json web", "once, for a program"],
  ],
  run: async ({ flags, signal }) => {
    await using engines = Engines.from(flags);
    return await untilInterrupted(signal, async () => await watch(flags, engines, signal));
  },
};

async function watch(flags: Flags, engines: Engines, signal: AbortSignal): Promise<void> {
  const names = flags.list("containers");
  // What is not there is told; what ends later is left out.
  for (const name of names) engines.find(name);
  const usage = new ContainerUsage(engines, names);
  const once = flags.on("no-stream");
  const json = flags.on("json");
  const drawn = process.stdout.isTTY && !json && !once;
  for (let first = true; ; first = false) {
    const usages = await usage.sample({ signal });
    if (names.length > 0 && usages.length === 0) return;
    // A share of the processors takes two samples.
    const whole = !first || usages.length === 0;
    if (drawn) draw(usages);
    else if (whole) process.stdout.write(json ? jsonLines(usages) : `${showStats(usages).join("\n")}\n`);
    if (once && whole) return;
    await sleep(whole ? interval : interval / 4, undefined, { signal });
  }
}

function jsonLines(usages: readonly Usage[]): string {
  return usages.map((usage) => `${JSON.stringify(usage)}\n`).join("");
}

/** Written over what was there: a screen that is cleared first would flicker. */
function draw(usages: readonly Usage[]): void {
  const { columns, rows } = process.stdout;
  const lines = showStats(usages).slice(0, rows - 1);
  process.stdout.write(`\x1b[H${lines.map((line) => `${fit(line, columns - 1)}\x1b[K\n`).join("")}\x1b[J`);
}
