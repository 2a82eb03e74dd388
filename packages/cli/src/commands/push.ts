import { isTag } from "@lading/oci";
import { choosePlatforms, platformChoice } from "../choose-platforms.ts";
import { destinationsOf } from "../destination.ts";
import { writeImageToAll } from "../write-image.ts";
import { isReference, locate } from "../locate.ts";
import type { Command } from "../program.ts";
import { createProgress } from "../progress/progress.ts";
import { Registries } from "../registries.ts";
import { registryOptions } from "../registry-flags.ts";
import { writtenLine } from "../show/written.ts";
import { UsageError } from "../usage.ts";

export const command: Command = {
  positionals: {
    place: { type: "string", describe: "where the image is" },
    names: { type: "string", array: true, describe: "what to call it; default: the names it has there" },
  },
  options: {
    platform: { type: "string", array: true, requiresArg: true, describe: "push the image for this platform alone" },
    referrers: { type: "boolean", describe: "push signatures, SBOMs and attestations along" },
    ...registryOptions,
  },
  examples: [
    ["push oci-archive:app.tar", "under the names that the archive gives it"],
    ["push oci:layout:1 ghcr.io/acme/app:1.2 ghcr.io/acme/app:latest", "under two tags"],
  ],
  run: async ({ flags, signal }) => {
    await using registries = Registries.from(flags, [flags.required("place"), ...flags.list("names")]);
    const located = await locate(flags.required("place"), registries, { signal });
    const names =
      flags.list("names").length > 0
        ? flags.list("names")
        : located.names.filter((name) => !isTag(name) && isReference(name));
    if (names.length === 0)
      throw new UsageError(`Cannot push ${located.shown}: it has no name there`, {
        hint: "Say what to call it: lading push PLACE ghcr.io/acme/app:1",
      });
    const content = await choosePlatforms(located, platformChoice(flags.list("platform"), false, "all"), { signal });
    const progress = createProgress(flags.text("progress"), { quiet: flags.on("quiet") });
    registries.onEvent = (event) => progress.event(event);
    let written;
    try {
      written = await writeImageToAll(destinationsOf(names), content, [], {
        signal,
        registries,
        referrers: flags.on("referrers"),
        onEvent: (event) => progress.event(event),
      });
    } finally {
      progress.end();
    }
    if (!flags.on("quiet") && process.stderr.isTTY)
      for (const each of written) process.stderr.write(`${writtenLine(each)}\n`);
    const { digest, mediaType } = content.descriptor;
    process.stdout.write(
      flags.on("json") ? `${JSON.stringify({ digest, mediaType, names, outputs: written })}\n` : `${digest}\n`,
    );
  },
};
