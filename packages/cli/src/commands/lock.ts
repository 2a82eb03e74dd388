import { resolve } from "node:path";
import { BaseCache } from "../base-cache.ts";
import { describeByFlags } from "../build/describe-by-flags.ts";
import { fetchFile } from "../build/fetch-file.ts";
import { cacheFolder } from "../cache-folder.ts";
import { dockerfileOptions } from "../config/dockerfile-flags.ts";
import { jibOptions } from "../config/jib-flags.ts";
import { placesOf, urlsOf } from "../front-ends/front-end.ts";
import { locateBase } from "../locate.ts";
import { readLock, writeLock } from "../lock/lock-file.ts";
import { lockName } from "../lock/lock-name.ts";
import { type LockChange, makeLock } from "../lock/make-lock.ts";
import type { Command } from "../program.ts";
import { printable } from "../progress/terminal.ts";
import { Registries } from "../registries.ts";
import { registryOptions } from "../registry-flags.ts";
import { UsageError } from "../usage.ts";

export const command: Command = {
  positionals: { context: { type: "string", default: ".", describe: "folder of the description" } },
  options: {
    file: { type: "string", alias: "f", requiresArg: true, describe: "build description; default: as for `build`" },
    ...jibOptions,
    target: dockerfileOptions.target,
    "build-arg": dockerfileOptions["build-arg"],
    "build-context": dockerfileOptions["build-context"],
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
    const access = { registries, cache: async () => await BaseCache.open(cacheFolder()) };
    const before = await readLock(description.context);
    const { lock, changes } = await makeLock(
      { places, urls: urlsOf(description) },
      before,
      { locate: async (place, options) => await locateBase(place, access, options), fetch: fetchFile },
      { update: update || check, signal },
    );
    const changed = before === undefined || changes.some(({ state }) => state !== "kept");
    const path =
      changed && !check ? await writeLock(description.context, lock) : resolve(description.context, lockName);
    tell(changes, { path, changed, json: flags.on("json"), quiet: flags.on("quiet") });
    return check && changed ? 1 : 0;
  },
};

function tell(
  changes: readonly LockChange[],
  { path, changed, json, quiet }: { path: string; changed: boolean; json: boolean; quiet: boolean },
): void {
  if (!quiet && !json) for (const change of changes) process.stderr.write(`${printable(describe(change))}\n`);
  process.stdout.write(json ? `${JSON.stringify({ path, changed, images: changes }, undefined, 2)}\n` : `${path}\n`);
}

function describe({ place, state, digest, before, platforms }: LockChange): string {
  const which = platforms.length === 0 ? "" : ` (${platforms.join(", ")})`;
  return state === "moved"
    ? `moved ${place}: ${before} is ${digest} now${which}`
    : `${state} ${place}: ${digest}${which}`;
}
