import type { Command } from "../program.ts";
import { authFileOption, hostConfigOf, keychainSettings } from "../registry-flags.ts";
import { UsageError } from "../usage.ts";
import { registryArgument } from "./login.ts";

export const command: Command = {
  positionals: {
    registry: { type: "string", describe: "host, or a part of it as HOST/FOLDER; docker.io when not given" },
  },
  options: {
    all: { type: "boolean", alias: "a", describe: "forget the credentials of all registries" },
    ...authFileOption,
  },
  examples: [["logout quay.io", "forget its credentials, wherever they are kept"]],
  run: async ({ flags, signal }) => {
    const { parseLoginKey, removeAllCredentials, removeCredential } = await import("@lading/registry-client");
    const asked = flags.text("registry");
    const options = { ...keychainSettings(flags, await hostConfigOf(flags)), signal };
    if (flags.on("all") && asked !== undefined) throw new UsageError("Cannot use --all with a registry");
    const { registry, repository } = registryArgument(asked ?? "docker.io", parseLoginKey);
    const shown = repository === "" ? registry : `${registry}/${repository}`;
    const removed = flags.on("all") ? await removeAllCredentials(options) : await removeCredential(shown, options);

    if (flags.on("json"))
      process.stdout.write(`${JSON.stringify({ ...(flags.on("all") ? {} : { registry: shown }), removed })}\n`);
    else if (!flags.on("quiet")) process.stdout.write(`${done(flags.on("all") ? undefined : shown, removed)}\n`);
  },
};

function done(registry: string | undefined, removed: readonly string[]): string {
  if (removed.length === 0)
    return registry === undefined ? "There were no credentials" : `Not logged in to ${registry}`;
  const what = registry === undefined ? "all login credentials" : `login credentials for ${registry}`;
  return `Removed ${what}: ${removed.join(", ")}`;
}
