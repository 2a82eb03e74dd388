import { locate } from "../locate.ts";
import type { Command } from "../program.ts";
import { Registries } from "../registries.ts";
import { registryOptions } from "../registry-flags.ts";

export const command: Command = {
  positionals: { place: { type: "string", describe: "where the image is" } },
  options: registryOptions,
  examples: [
    ["digest oci-archive:app.tar", "what the archive's tag names"],
    ["digest nginx:1.27", "of a registry, by HEAD alone"],
  ],
  run: async ({ flags, signal }) => {
    await using registries = Registries.from(flags, [flags.required("place")]);
    const image = await locate(flags.required("place"), registries, { signal });
    const { digest, mediaType, size } = image.descriptor;
    process.stdout.write(flags.on("json") ? `${JSON.stringify({ digest, mediaType, size })}\n` : `${digest}\n`);
  },
};
