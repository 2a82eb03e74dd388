import { formatReference, parseReference, withDefaultTag } from "@lading/oci";
import { forEachName } from "../containers/each-container.ts";
import { engineOptions, Engines } from "../containers/engines.ts";
import { isReference } from "../locate.ts";
import type { Command } from "../program.ts";

export const command: Command = {
  positionals: { images: { type: "string", array: true, describe: "names or IDs" } },
  options: {
    force: { type: "boolean", alias: "f", describe: "also when containers use it" },
    ...engineOptions,
  },
  examples: [["rmi acme/app:1", "its name, and the image with its last one"]],
  run: async ({ flags, signal }) => {
    await using engines = Engines.from(flags);
    const engine = await engines.chosen({ signal });
    return await forEachName(flags, flags.list("images"), signal, async (name) => {
      // As everywhere, a short name is one of Docker Hub; what is none may be an ID.
      const full = fullName(name);
      const known = full !== undefined && (await engine.images.find(full, { signal })) !== undefined;
      await engine.images.remove(known ? full : name, { force: flags.on("force"), signal });
    });
  },
};

function fullName(name: string): string | undefined {
  return isReference(name) ? formatReference(withDefaultTag(parseReference(name))) : undefined;
}
