import type { LogLine, LogsOptions } from "@lading/runner";
import { Engines, rootOption } from "../containers/engines.ts";
import type { Flags } from "../flags.ts";
import { untilInterrupted } from "../interruption.ts";
import { parseMoment } from "../containers/moment.ts";
import type { Command } from "../program.ts";
import { parseInteger } from "../run-flags/amounts.ts";
import { writeOut } from "../write-out.ts";

const text = { type: "string", requiresArg: true } as const;

export const command: Command = {
  positionals: { container: { type: "string", describe: "name or ID" } },
  options: {
    follow: { type: "boolean", alias: "f", describe: "go on until it ends" },
    since: { ...text, describe: "only what was written from then on: a time, or 10m for ten minutes ago" },
    until: { ...text, describe: "only what was written before" },
    tail: { ...text, alias: "n", describe: "only so many of the last lines; default: all" },
    timestamps: { type: "boolean", alias: "t", describe: "with the time of each line" },
    ...rootOption,
  },
  examples: [
    ["logs -f --tail 10 web", "the last lines, and what comes"],
    ["logs --since 10m web", "the last ten minutes"],
  ],
  run: async ({ flags, signal }) => {
    const since = flags.text("since");
    const until = flags.text("until");
    const tail = flags.text("tail");
    const options: LogsOptions = {
      signal,
      follow: flags.on("follow"),
      since: since === undefined ? undefined : parseMoment("since", since),
      until: until === undefined ? undefined : parseMoment("until", until),
      tail: tail === undefined || tail === "all" ? undefined : parseInteger("tail", tail, 0),
    };
    await using engines = Engines.from(flags);
    const container = await engines.container(flags.required("container"));
    return await untilInterrupted(signal, async () => await print(container.logs(options), flags));
  },
};

/** Each line to the stream that it was written to; with `--json` as lines of JSON. */
async function print(lines: AsyncIterable<LogLine>, flags: Flags): Promise<void> {
  // Whether a line of that stream has begun.
  const begun = { stdout: false, stderr: false };
  for await (const { stream, time, text: line, partial } of lines) {
    if (flags.on("json")) {
      const entry = { stream, time, text: Buffer.from(line).toString("utf8"), partial };
      await writeOut(process.stdout, `${JSON.stringify(entry)}\n`);
      continue;
    }
    const stamp = flags.on("timestamps") && !begun[stream] ? `${time} ` : "";
    begun[stream] = partial;
    await writeOut(process[stream], Buffer.concat([Buffer.from(stamp), line, Buffer.from(partial ? "" : "\n")]));
  }
}
