import { checkDestination, parseDestination, writeImageTo } from "../destination.ts";
import { locate } from "../locate.ts";
import { openPlatform } from "../open-platform.ts";
import type { Command } from "../program.ts";
import { createProgress } from "../progress/progress.ts";
import { formatSize, formatTime } from "../progress/quantity.ts";

export const command: Command = {
  positionals: {
    source: { type: "string", describe: "where the image is" },
    destination: { type: "string", describe: "where it goes; without a name there it keeps the ones it has" },
  },
  options: {
    platform: { type: "string", requiresArg: true, describe: "copy the image for this platform alone" },
  },
  examples: [
    ["copy oci-archive:app.tar oci:layout", "unpack an archive into a layout, digests unchanged"],
    ["copy oci:layout:1.2 docker-archive:app.tar", "for an old Docker"],
  ],
  run: async ({ flags, signal }) => {
    const destination = await parseDestination(flags.required("destination"));
    await checkDestination(destination);
    const located = await locate(flags.required("source"), { signal });
    const platform = flags.text("platform");
    const descriptor =
      platform === undefined ? located.descriptor : (await openPlatform(located, platform, { signal })).descriptor;

    const progress = createProgress(flags.text("progress"), { quiet: flags.on("quiet") });
    let written;
    try {
      written = await writeImageTo(destination, { source: located.source, descriptor }, located.names, {
        signal,
        onEvent: (event) => progress.event(event),
      });
    } finally {
      progress.end();
    }
    if (!flags.on("quiet") && process.stderr.isTTY)
      process.stderr.write(`${written.place} (${formatSize(written.size)}) in ${formatTime(written.ms)}\n`);
    if (destination.stdout) return;
    const { digest, mediaType } = descriptor;
    process.stdout.write(
      flags.on("json") ? `${JSON.stringify({ digest, mediaType, names: located.names, ...written })}\n` : `${digest}\n`,
    );
  },
};
