import { locate } from "../locate.ts";
import type { Command } from "../program.ts";

export const command: Command = {
  positionals: { place: { type: "string", describe: "where the image is" } },
  examples: [["digest oci-archive:app.tar", "what the archive's tag names"]],
  run: async ({ flags, signal }) => {
    const image = await locate(flags.required("place"), { signal });
    const { digest, mediaType, size } = image.descriptor;
    process.stdout.write(flags.on("json") ? `${JSON.stringify({ digest, mediaType, size })}\n` : `${digest}\n`);
  },
};
