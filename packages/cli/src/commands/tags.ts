import { familiarReference, formatReference } from "@lading/oci";
import { parseReferenceArgument } from "../locate.ts";
import type { Command } from "../program.ts";
import { printable } from "../progress/terminal.ts";
import { attempting, Registries, repositoryOf } from "../registries.ts";
import { registryOptions } from "../registry-flags.ts";
import { UsageError } from "../usage.ts";

export const command: Command = {
  positionals: { repository: { type: "string", describe: "a repository of a registry" } },
  options: registryOptions,
  examples: [["tags ghcr.io/acme/app", "a line for each tag"]],
  run: async ({ flags, signal }) => {
    const text = flags.required("repository");
    const reference = parseReferenceArgument(text, "list the tags of");
    if (reference.tag !== undefined || reference.digest !== undefined)
      throw new UsageError(`Cannot list the tags of "${text}": it names one image`, {
        hint: `Write the repository alone: ${familiarReference(repositoryOf(reference))}`,
      });
    await using registries = Registries.from(flags, [text]);
    const repository = await registries.repository(reference);
    const tags: string[] = [];
    await attempting(`Cannot list the tags of ${text}`, async () => {
      for await (const tag of repository.tags({ signal }))
        if (flags.on("json")) tags.push(tag);
        else process.stdout.write(`${printable(tag)}\n`);
    });
    if (flags.on("json"))
      process.stdout.write(
        `${JSON.stringify({ repository: formatReference(reference), name: familiarReference(reference), tags }, undefined, 2)}\n`,
      );
  },
};
