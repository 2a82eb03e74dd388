import { platformChoice } from "../choose-platforms.ts";
import { checkDestination, defaultDestination, parseDestination } from "../destination.ts";
import { locate } from "../locate.ts";
import { moveImage } from "../move-image.ts";
import type { Command } from "../program.ts";
import { Registries } from "../registries.ts";
import { registryOptions } from "../registry-flags.ts";
import { admissionFrom, policyOption } from "../trust/policy-flags.ts";

export const command: Command = {
  positionals: {
    source: { type: "string", describe: "where the image is" },
    destination: { type: "string", describe: "where it goes; default: oci-archive:<name>.tar in this folder" },
  },
  options: {
    platform: {
      type: "string",
      array: true,
      requiresArg: true,
      describe: "which image of several; default: this machine's",
    },
    "all-platforms": { type: "boolean", alias: "a", describe: "all of them, digest unchanged" },
    referrers: { type: "boolean", describe: "bring signatures, SBOMs and attestations along" },
    ...policyOption,
    ...registryOptions,
  },
  examples: [
    ["pull nginx:1.27", "into nginx.tar, which docker, podman and containerd load"],
    ["pull --all-platforms ghcr.io/acme/app:1 oci:layout:1", "everything, into a layout"],
  ],
  run: async ({ flags, signal }) => {
    const from = flags.required("source");
    const to = flags.text("destination");
    // What can be said before a registry is asked is said before.
    const named = to === undefined ? undefined : await parseDestination(to);
    if (named !== undefined) await checkDestination(named);
    await using registries = Registries.from(flags, [from, ...(to === undefined ? [] : [to])]);
    registries.admission = admissionFrom(flags);
    const located = await locate(from, registries, { signal });
    const destination = named ?? defaultDestination(located.names, from);
    const choice = platformChoice(flags.list("platform"), flags.on("all-platforms"), "host");
    await moveImage(flags, {
      from,
      located,
      destination,
      choice,
      referrers: flags.on("referrers"),
      registries,
      signal,
    });
    return 0;
  },
};
