import { formatReference } from "@lading/oci";
import { parseReferenceArgument } from "../locate.ts";
import type { Command } from "../program.ts";
import { attempting, Registries } from "../registries.ts";
import { registryOptions } from "../registry-flags.ts";
import { UsageError } from "../usage.ts";

export const command: Command = {
  positionals: { place: { type: "string", describe: "an image in a registry, by tag or digest" } },
  options: registryOptions,
  examples: [
    ["delete ghcr.io/acme/app:old", "the tag, where the registry can; what else it names stays"],
    ["delete ghcr.io/acme/app@sha256:…", "the manifest, and with it every tag of it"],
  ],
  run: async ({ flags, signal }) => {
    const text = flags.required("place");
    const reference = parseReferenceArgument(text, "delete");
    const name = reference.digest ?? reference.tag;
    if (name === undefined)
      throw new UsageError(`Cannot delete "${text}": it says neither tag nor digest`, {
        hint: `List its tags with: lading tags ${text}`,
      });
    await using registries = Registries.from(flags, [text]);
    const repository = await registries.repository(reference);
    // What a tag named can only be told before it is gone.
    const digest = await attempting(`Cannot delete ${text}`, async () => {
      const found = await repository.resolve(name, { signal });
      await repository.delete(name, { signal });
      return found.digest;
    });
    const { registry, repository: path, tag } = reference;
    const deleted = formatReference({
      registry,
      repository: path,
      ...(reference.digest === undefined ? { tag: name } : { digest }),
    });
    if (!flags.on("quiet"))
      process.stderr.write(
        reference.digest === undefined
          ? `deleted ${deleted}, which named ${digest}\n`
          : `deleted ${deleted}${tag === undefined ? "" : " and every tag of it"}\n`,
      );
    process.stdout.write(flags.on("json") ? `${JSON.stringify({ deleted, digest })}\n` : `${digest}\n`);
  },
};
