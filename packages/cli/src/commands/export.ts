import { once } from "node:events";
import { extractImage, flattenImage, formatPlatform } from "@lading/oci";
import { locate } from "../locate.ts";
import { openPlatform } from "../open-platform.ts";
import type { Command } from "../program.ts";
import { Registries } from "../registries.ts";
import { registryOptions } from "../registry-flags.ts";
import { formatCount, formatSize } from "../progress/quantity.ts";
import { printable, styleFor } from "../progress/terminal.ts";
import { UsageError } from "../usage.ts";

// More than this is a list for --json, not for reading.
const shownSkips = 10;

export const command: Command = {
  positionals: {
    place: { type: "string", describe: "where the image is" },
    destination: { type: "string", describe: "a folder that is empty or not there yet, or - for a tar on stdout" },
  },
  options: {
    platform: { type: "string", requiresArg: true, describe: "which image of several; default: this machine's" },
    owners: { type: "boolean", describe: "give files the owners that the image says; default: when root" },
    ...registryOptions,
  },
  examples: [
    ["export oci-archive:app.tar rootfs", "see what a container would see"],
    ["export oci:layout - | tar -tv", "the same as one tar"],
  ],
  run: async ({ flags, signal }) => {
    await using registries = Registries.from(flags, [flags.required("place")]);
    const destination = flags.required("destination");
    const toStdout = destination === "-";
    if (toStdout && process.stdout.isTTY)
      throw new UsageError("Cannot write a tar to a terminal", {
        hint: "Send it on: lading export PLACE - > files.tar",
      });
    const image = await openPlatform(
      await locate(flags.required("place"), registries, { signal }),
      flags.text("platform"),
      {
        signal,
      },
    );
    if (toStdout) {
      for await (const chunk of flattenImage(image, { signal }))
        if (!process.stdout.write(chunk)) await once(process.stdout, "drain", { signal });
      return;
    }

    const report = await extractImage(image, destination, { signal, ...(flags.on("owners") ? { owners: true } : {}) });
    const platform = formatPlatform(image.platform);
    if (flags.on("json")) {
      process.stdout.write(
        `${JSON.stringify({ folder: destination, platform, digest: image.descriptor.digest, ...report })}\n`,
      );
      return;
    }
    process.stdout.write(`${destination}\n`);
    if (flags.on("quiet")) return;
    const style = styleFor(process.stderr);
    for (const { path, reason } of report.skipped.slice(0, shownSkips))
      process.stderr.write(`${style.yellow("warning:")} ${printable(path)}: ${printable(reason)}\n`);
    if (report.skipped.length > shownSkips)
      process.stderr.write(
        `${style.yellow("warning:")} and ${report.skipped.length - shownSkips} more; --json lists them\n`,
      );
    process.stderr.write(
      `${formatCount(report.files, "file")}, ${formatCount(report.directories, "folder")}, ${formatCount(report.links, "link")}: ${formatSize(report.bytes)} for ${platform}\n`,
    );
  },
};
