import { platformChoice } from "../choose-platforms.ts";
import { checkDestination, parseDestination } from "../destination.ts";
import { locate } from "../locate.ts";
import { moveImage } from "../move-image.ts";
import type { Command } from "../program.ts";
import { Registries } from "../registries.ts";
import { registryOptions } from "../registry-flags.ts";
import { admissionFrom, policyOption } from "../trust/policy-flags.ts";
import { UsageError } from "../usage.ts";

export const command: Command = {
  positionals: {
    source: { type: "string", describe: "where the image is" },
    destination: { type: "string", describe: "where it goes; a file without a name keeps the names it has" },
  },
  options: {
    file: {
      type: "string",
      alias: "f",
      requiresArg: true,
      describe: "copy all images of a list (YAML) that are not there yet",
    },
    "dry-run": { type: "boolean", describe: "with --file: print what would be copied" },
    platform: {
      type: "string",
      array: true,
      requiresArg: true,
      describe: "copy the image for this platform alone; several become an index of their own",
    },
    "all-platforms": { type: "boolean", alias: "a", describe: "copy all platforms, digest unchanged (the default)" },
    "no-referrers": { type: "boolean", describe: "leave signatures, SBOMs and attestations behind" },
    ...policyOption,
    ...registryOptions,
  },
  examples: [
    ["copy nginx:1.27 registry.example.com/nginx:1.27", "from registry to registry, with its signatures"],
    ["copy oci-archive:app.tar oci:layout", "unpack an archive into a layout, digests unchanged"],
    ["copy --platform linux/arm64 oci:layout:1.2 docker-archive:app.tar", "for an old Docker"],
    ["copy --file mirror.yaml --dry-run", "what a mirror lacks"],
  ],
  run: async ({ flags, signal }) => {
    const list = flags.text("file");
    const given = [flags.text("source"), flags.text("destination")];
    await using registries = Registries.from(
      flags,
      given.filter((place) => place !== undefined),
    );
    registries.admission = admissionFrom(flags);
    if (list !== undefined) {
      if (given.some((place) => place !== undefined))
        throw new UsageError(`Cannot copy "${given[0]}" and --file at once: the list names its sources itself`);
      const { copyList } = await import("../copy-list.ts");
      return await copyList(list, { flags, registries, signal });
    }
    const [from, to] = given;
    if (from === undefined || to === undefined)
      throw new UsageError(`Cannot run "lading copy" without all its arguments`, { hint: "See `lading copy --help`" });

    const destination = await parseDestination(to);
    await checkDestination(destination);
    const located = await locate(from, registries, { signal });
    const choice = platformChoice(flags.list("platform"), flags.on("all-platforms"), "all");
    await moveImage(flags, {
      from,
      located,
      destination,
      choice,
      referrers: !flags.on("no-referrers"),
      registries,
      signal,
    });
    return 0;
  },
};
