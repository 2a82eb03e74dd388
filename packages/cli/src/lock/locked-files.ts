import { existsSync } from "node:fs";
import { join } from "node:path";
import { BuildError, type DockerfileRequest, shownUrl, withoutUserinfo } from "@lading/builder";
import { lockName } from "./lock-name.ts";

type Fetch = NonNullable<DockerfileRequest["fetch"]>;

/**
 * A `fetch` that gives what the lock of `folder` says and nothing else; with `strict` a URL without a checksum of its own
 * must be in it. Throws ConfigError; what it returns throws BuildError SOURCE_CHANGED.
 */
export async function fetchLocked(folder: string, strict: boolean, fetch: Fetch): Promise<Fetch> {
  if (!existsSync(join(folder, lockName))) return fetch;
  const lock = await (await import("./lock-file.ts")).readLock(folder);
  return async (url, options) => {
    const locked = lock?.urls?.[withoutUserinfo(url)];
    if (locked === undefined && strict && options.checksum === undefined)
      throw new BuildError(
        "SOURCE_CHANGED",
        `Cannot add "${shownUrl(url)}" with --locked: ${lockName} does not have it`,
        {
          hint: "Run `lading lock` with the same --build-arg and --platform to add it, or write --checksum",
        },
      );
    const file = await fetch(url, { ...options, checksum: options.checksum ?? locked });
    const { digest } = file;
    if (locked === undefined || locked === digest) return file;
    throw new BuildError(
      "SOURCE_CHANGED",
      `Cannot add "${shownUrl(url)}": it is ${digest} now, and ${lockName} says ${locked}`,
      {
        hint: "Run `lading lock --update` if that is meant",
      },
    );
  };
}
