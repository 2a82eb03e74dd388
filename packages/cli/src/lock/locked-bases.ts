import { existsSync } from "node:fs";
import { join } from "node:path";
import { BuildError, type BuildRequest } from "@lading/builder";
import { formatReference, withDefaultTag } from "@lading/oci";
import { parsePlaceArgument } from "../locate.ts";
import { UsageError } from "../usage.ts";
import type { Lock } from "./lock-file.ts";
import { lockName } from "./lock-name.ts";

type Locate = BuildRequest["locate"];

/**
 * A `locate` that gives what the lock of `folder` says: of a registry the image with that digest, whatever its tag names now; of a
 * file the image that it holds, if that is the one. `strict` refuses what is not locked. Without a lock, and unless
 * `strict`, it is `locate` itself. Throws UsageError and ConfigError; what it returns throws BuildError BASE.
 */
export async function locateLocked(folder: string, strict: boolean, locate: Locate): Promise<Locate> {
  const lock = existsSync(join(folder, lockName)) ? await readLockOf(folder) : undefined;
  if (lock === undefined) {
    if (!strict) return locate;
    throw new UsageError(`Cannot build with --locked: there is no ${lockName} in ${folder}`, {
      hint: "Run `lading lock`, and keep the file with the sources",
    });
  }
  return async (place, options) => {
    const locked = lock.images[place];
    if (isPinned(place)) return await locate(place, options);
    if (locked === undefined) {
      if (!strict) return await locate(place, options);
      throw new BuildError("BASE", `Cannot use base "${place}" with --locked: ${lockName} does not have it`, {
        hint: "Run `lading lock` to add it",
      });
    }
    const named = parsePlaceArgument(place);
    if (named.transport === "registry") {
      const reference = withDefaultTag(named.reference);
      const { tag: _, ...rest } = reference;
      const found = await locate(formatReference({ ...rest, digest: locked.digest }), options);
      // The image says what it was built on in the same words, locked or not.
      return { ...found, name: formatReference(reference) };
    }
    const found = await locate(place, options);
    if (found.descriptor.digest === locked.digest) return found;
    throw new BuildError(
      "BASE",
      `Cannot use base "${place}": it is ${found.descriptor.digest} now, and ${lockName} says ${locked.digest}`,
      { hint: "Run `lading lock --update` if that is meant" },
    );
  };
}

// YAML and schemas are loaded for those who have a lock only.
async function readLockOf(folder: string): Promise<Lock | undefined> {
  return await (await import("./lock-file.ts")).readLock(folder);
}

/** Whether a place says by itself which image it is, or names none. */
export function isPinned(place: string): boolean {
  const named = parsePlaceArgument(place);
  return named.transport === "scratch" || (named.transport === "registry" && named.reference.digest !== undefined);
}
