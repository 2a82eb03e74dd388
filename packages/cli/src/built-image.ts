import { build, type BuildResult, type BuildSpecInput, type BuiltImage as PlatformImage } from "@lading/builder";
import { resolve } from "node:path";
import type { Descriptor, Digest, Options } from "@lading/oci";
import { cacheFolder } from "./cache-folder.ts";
import { parseConfigValue } from "./config/config-issues.ts";
import { parseDestination, writeImageTo } from "./destination.ts";
import { imageNames } from "./config/image-names.ts";
import type { BuildOptions } from "./image-builder.ts";
import { sourceDateEpoch } from "./config/source-date.ts";
import { locateBase } from "./locate.ts";

export interface SaveOptions extends Options {
  /** Names the image gets there: references, or bare tags of the description's name. Default: the description's. */
  readonly tags?: readonly string[];
}

/** An image that was built: in the cache, and wherever it is saved. */
export interface BuiltImage {
  /** Of the index when several platforms were built, else of the manifest. */
  readonly digest: Digest;
  readonly descriptor: Descriptor;
  /** One for each platform, with layers and sizes. */
  readonly images: readonly PlatformImage[];
  readonly warnings: readonly string[];
  readonly timings: BuildResult["timings"];
  /** Writes it to `oci:DIR`, `oci-archive:FILE` or `docker-archive:FILE`, whole or not at all. */
  save(place: string, options?: SaveOptions): Promise<void>;
}

/** Builds what `spec` describes; see `ImageBuilder.build`. */
export async function buildImage(spec: Readonly<BuildSpecInput>, options: BuildOptions): Promise<BuiltImage> {
  const { platforms, context = ".", signal, onEvent, noCache } = options;
  const parsed = await parseConfigValue(platforms === undefined ? spec : { ...spec, platforms: [...platforms] }, "");
  const result = await build({
    spec: parsed,
    context: resolve(context),
    cacheDir: cacheFolder(options.cacheDir),
    locate: locateBase,
    sourceDateEpoch: options.sourceDateEpoch ?? sourceDateEpoch(),
    noCache,
    signal,
    onEvent,
  });
  return {
    digest: result.descriptor.digest,
    descriptor: result.descriptor,
    images: result.images,
    warnings: result.warnings,
    timings: result.timings,
    save: async (place, { tags = [], signal: saveSignal } = {}) => {
      await writeImageTo(await parseDestination(place), result, imageNames(parsed, tags), { signal: saveSignal });
    },
  };
}
