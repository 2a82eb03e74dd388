import { basename, resolve } from "node:path";
import { build } from "@lading/builder";
import { type Descriptor, formatPlatform, hostPlatform, type Options, type Source } from "@lading/oci";
import { BaseCache } from "../base-cache.ts";
import { stepsFor } from "../build/dockerfile-steps.ts";
import { cacheFolder } from "../cache-folder.ts";
import { imageNames } from "../config/image-names.ts";
import { sourceDateEpoch } from "../config/source-date.ts";
import { Downloads } from "../downloads.ts";
import { describeBuild, nothingToBuild } from "../front-ends/describe-build.ts";
import { locateBase } from "../locate.ts";
import { locateLocked } from "../lock/locked-bases.ts";
import { fetchLocked } from "../lock/locked-files.ts";
import { isOffline } from "../offline.ts";
import type { Progress } from "../progress/progress.ts";
import type { Registries } from "../registries.ts";

/** An image that was built to be run here: in the cache, and written nowhere else. */
export interface BuiltFolder {
  readonly source: Source;
  /** Of its manifest, or of an index that holds it alone. */
  readonly descriptor: Descriptor;
  /** The first of the description's. */
  readonly name: string | undefined;
  /** What to call it without a name. */
  readonly shown: string;
}

/** Builds what the description in `folder` says, for one platform, by default this machine's. Throws as `lading build`. */
export async function buildFolder(
  folder: string,
  platform: string | undefined,
  { registries, progress, signal }: Options & { readonly registries: Registries; readonly progress: Progress },
): Promise<BuiltFolder> {
  const platforms = [platform ?? formatPlatform(hostPlatform())];
  const described = await describeBuild({ context: folder, asked: { platforms }, signal });
  if (described === undefined) throw nothingToBuild(folder);
  const spec = { ...described.spec, platforms };
  const cacheDir = cacheFolder();
  const access = {
    registries,
    cache: async () =>
      await BaseCache.open(cacheDir, { offline: isOffline(), onEvent: (event) => progress.event(event) }),
  };
  const downloads = new Downloads({ registries, cacheDir, onEvent: (event) => progress.event(event) });
  await using steps = described.dockerfile === undefined ? undefined : await stepsFor(described.dockerfile);
  const { source, descriptor } = await build({
    spec,
    dockerfile: described.dockerfile && {
      ...described.dockerfile,
      runner: steps,
      fetch: await fetchLocked(described.context, false, downloads.fetch),
    },
    context: described.context,
    outputs: described.ownFile === undefined ? [] : [described.ownFile],
    cacheDir,
    locate: await locateLocked(
      described.context,
      false,
      async (place, options) => await locateBase(place, access, options),
    ),
    sourceDateEpoch: sourceDateEpoch(),
    signal,
    onEvent: (event) => progress.event(event),
  });
  return { source, descriptor, name: imageNames(described.spec, [])[0], shown: basename(resolve(folder)) };
}
