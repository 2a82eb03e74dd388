import { BuildError } from "@lading/builder";
import { formatReference } from "@lading/oci";
import { type Located, isReference, locate, parsePlaceArgument } from "../locate.ts";
import { openPlatform } from "../open-platform.ts";
import type { Command } from "../program.ts";
import { formatCount } from "../progress/quantity.ts";
import { printable } from "../progress/terminal.ts";
import { Registries } from "../registries.ts";
import { registryOptions } from "../registry-flags.ts";
import { sourceDateEpoch } from "../config/source-date.ts";
import { warnOfUnread } from "../show/show-packages.ts";
import { version } from "../version.ts";
import { writeOut } from "../write-out.ts";
import { writeWholeFile } from "../whole-file.ts";

export const command: Command = {
  positionals: { place: { type: "string", describe: "where the image is" } },
  options: {
    format: {
      type: "string",
      requiresArg: true,
      choices: ["cyclonedx", "spdx"],
      default: "cyclonedx",
      describe: "CycloneDX 1.6 or SPDX 2.3, as JSON",
    },
    output: { type: "string", alias: "o", requiresArg: true, describe: "write it to this file; default: to stdout" },
    platform: { type: "string", requiresArg: true, describe: "which image of several; default: this machine's" },
    ...registryOptions,
  },
  examples: [
    ["sbom oci-archive:app.tar", "what is in the image's layers"],
    ["sbom ghcr.io/acme/app:1 --format spdx -o app.spdx.json", "into a file"],
  ],
  run: async ({ flags, signal }) => {
    const place = flags.required("place");
    const epoch = sourceDateEpoch();
    await using registries = Registries.from(flags, [place]);
    const located = await locate(place, registries, { signal });
    const image = await openPlatform(located, flags.text("platform"), { signal });
    const { makeSbom } = await import("@lading/trust");
    const { document, inventory } = await makeSbom(image, {
      format: flags.text("format") === "spdx" ? "spdx" : "cyclonedx",
      name: nameOf(place, located),
      sourceDateEpoch: epoch,
      tool: { name: "lading", version },
      signal,
    });
    warnOfUnread(inventory);
    const text = `${JSON.stringify(document, undefined, 2)}\n`;
    const output = flags.text("output");
    if (output === undefined) {
      await writeOut(process.stdout, text);
      return;
    }
    await writeWholeFile(output, text).catch((cause: unknown) => {
      throw new BuildError("OUTPUT", `Cannot write "${output}"`, { cause });
    });
    if (!flags.on("quiet"))
      process.stderr.write(`wrote ${printable(output)}: ${formatCount(inventory.packages.length, "package")}\n`);
  },
};

/** The image's full name, with the tag that was asked for; undefined where it has none but a tag. */
function nameOf(text: string, { names }: Located): string | undefined {
  const place = parsePlaceArgument(text);
  if (place.transport === "registry") {
    const { registry, repository } = place.reference;
    return names[0] ?? formatReference({ registry, repository });
  }
  return names.find((name) => name.includes("/") && isReference(name));
}
