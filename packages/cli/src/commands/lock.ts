import { resolve } from "node:path";
import { shownUrl, urlAuthorization } from "@lading/builder";
import { BaseCache } from "../base-cache.ts";
import { describeByFlags } from "../build/describe-by-flags.ts";
import { cacheFolder } from "../cache-folder.ts";
import { dockerfileOptions } from "../config/dockerfile-flags.ts";
import { jibOptions } from "../config/jib-flags.ts";
import { Downloads } from "../downloads.ts";
import { placesOf, urlsOf } from "../front-ends/front-end.ts";
import { locateBase } from "../locate.ts";
import { readLock, writeLock } from "../lock/lock-file.ts";
import { lockName } from "../lock/lock-name.ts";
import { type LockChange, makeLock } from "../lock/make-lock.ts";
import type { Command } from "../program.ts";
import { printable } from "../progress/terminal.ts";
import { Registries } from "../registries.ts";
import { registryOptions, warn } from "../registry-flags.ts";
import { UsageError } from "../usage.ts";

export const command: Command = {
  positionals: { context: { type: "string", default: ".", describe: "folder of the description" } },
  options: {
    file: { type: "string", alias: "f", requiresArg: true, describe: "build description; default: as for `build`" },
    ...jibOptions,
    target: dockerfileOptions.target,
    "build-arg": dockerfileOptions["build-arg"],
    "build-context": dockerfileOptions["build-context"],
    secret: dockerfileOptions.secret,
    platform: {
      type: "string",
      array: true,
      requiresArg: true,
      describe: "platforms whose variables URLs have; images are locked for all",
    },
    update: { type: "boolean", describe: "ask for everything again, and say what moved" },
    check: { type: "boolean", describe: "write nothing; exit code 1 when --update would change the lock" },
    ...registryOptions,
  },
  examples: [
    ["lock", "pin base images and the URLs of ADD by digest, for all platforms"],
    ["lock --update", "take what their names mean now"],
    ["build --locked", "build, and refuse what is not locked"],
  ],
  run: async ({ flags, signal }) => {
    const update = flags.on("update");
    const check = flags.on("check");
    if (update && check) throw new UsageError("Cannot use --update with --check: one of them writes the lock");
    const description = await describeByFlags(flags, { signal });
    const places = placesOf(description);
    await using registries = Registries.from(flags, places);
    const cacheDir = cacheFolder();
    const access = { registries, cache: async () => await BaseCache.open(cacheDir) };
    const downloads = new Downloads({ registries, cacheDir });
    const { urls, unknown } = urlsOf(description);
    const secrets = description.dockerfile?.secrets;
    const fetch: typeof downloads.fetch = async (url, options) =>
      await downloads.fetch(url, { ...options, authorization: urlAuthorization(url, secrets) });
    const before = await readLock(description.context);
    const { lock, changes } = await makeLock(
      { places, urls },
      before,
      { locate: async (place, options) => await locateBase(place, access, options), fetch },
      { update: update || check, signal },
    );
    const changed = before === undefined || changes.some(({ state }) => state !== "kept");
    const path =
      changed && !check ? await writeLock(description.context, lock) : resolve(description.context, lockName);
    const name = description.dockerfile?.file.name ?? "";
    const unlocked = unknown.map(({ text, line, variables }) => ({ place: text, file: name, line, variables }));
    tell(changes, unlocked, { path, changed, json: flags.on("json"), quiet: flags.on("quiet") });
    return check && changed ? 1 : 0;
  },
};

/** A URL that is not locked, and why not. */
interface Unlocked {
  /** As written. */
  readonly place: string;
  readonly file: string;
  readonly line: number;
  /** What only a build knows of it. */
  readonly variables: readonly string[];
}

function tell(
  changes: readonly LockChange[],
  unlocked: readonly Unlocked[],
  { path, changed, json, quiet }: { path: string; changed: boolean; json: boolean; quiet: boolean },
): void {
  if (!quiet && !json) for (const change of changes) process.stderr.write(`${printable(describe(change))}\n`);
  if (!json)
    for (const { place, file, line, variables } of unlocked)
      warn(
        `not locked ${place} (${file}:${line}): ${variables.map((variable) => `$${variable}`).join(", ")} may come from ` +
          "the base image, so that only a build knows; say --checksum there",
      );
  const document = { path, changed, images: changes, ...(unlocked.length === 0 ? {} : { unlocked }) };
  process.stdout.write(json ? `${JSON.stringify(document, undefined, 2)}\n` : `${path}\n`);
}

function describe({ place: whole, state, digest, before, platforms }: LockChange): string {
  const place = shownUrl(whole);
  const which = platforms.length === 0 ? "" : ` (${platforms.join(", ")})`;
  return state === "moved"
    ? `moved ${place}: ${before} is ${digest} now${which}`
    : `${state} ${place}: ${digest}${which}`;
}
