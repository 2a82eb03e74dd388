import { build, type BuildResult, type BuildSpecInput, type BuiltImage as PlatformImage } from "@lading/builder";
import { resolve } from "node:path";
import type { Descriptor, Digest, Options, Source } from "@lading/oci";
import { cacheFolder } from "./cache-folder.ts";
import { parseSpec } from "./config/config-issues.ts";
import { BaseCache } from "./base-cache.ts";
import { destinationsOf, parseDestination } from "./destination.ts";
import { writeImageTo, writeImageToAll } from "./write-image.ts";
import { imageNames } from "./config/image-names.ts";
import type { BuildOptions } from "./image-builder.ts";
import { sourceDateEpoch } from "./config/source-date.ts";
import { locateBase } from "./locate.ts";
import { type BlobEvent, isBlobEvent } from "./progress/blob-events.ts";
import { Registries } from "./registries.ts";
import { UsageError } from "./usage.ts";

export interface SaveOptions extends Options {
  /** Names the image gets there: references, or bare tags of the description's name. Default: the description's. */
  readonly tags?: readonly string[];
}

export interface PushOptions extends Options {
  /** Called as blobs are sent, found there, or mounted. */
  readonly onEvent?: (event: BlobEvent) => void;
}

/**
 * An image that was built: in the cache, and wherever it is saved or pushed. Connections to
 * registries stay open for more of that; disposing of the image closes them.
 */
export interface BuiltImage extends AsyncDisposable {
  /** Of the index when several platforms were built, else of the manifest. */
  readonly digest: Digest;
  readonly descriptor: Descriptor;
  /** Where it can be read. */
  readonly source: Source;
  /** One for each platform, with layers and sizes. */
  readonly images: readonly PlatformImage[];
  readonly warnings: readonly string[];
  readonly timings: BuildResult["timings"];
  /** Writes it to `oci:DIR`, `oci-archive:FILE` or `docker-archive:FILE`, whole or not at all. */
  save(place: string, options?: SaveOptions): Promise<void>;
  /**
   * Sends it to registries, under one name or several; by default under the description's. What is
   * there is not sent again, and what another repository of the registry has, layers of the base
   * above all, is mounted. Throws RegistryError or CopyError.
   */
  push(names?: string | readonly string[], options?: PushOptions): Promise<void>;
}

/** Builds what `spec` describes; see `ImageBuilder.build`. */
export async function buildImage(spec: Readonly<BuildSpecInput>, options: BuildOptions): Promise<BuiltImage> {
  const { platforms, context = ".", signal, onEvent, noCache } = options;
  const parsed = await parseSpec(platforms === undefined ? spec : { ...spec, platforms: [...platforms] });
  const registries = options.offline === true ? Registries.none() : Registries.default();
  const cacheDir = cacheFolder(options.cacheDir);
  const access = {
    registries,
    cache: async () => await BaseCache.open(cacheDir, { offline: options.offline ?? false }),
  };
  const result = await build({
    spec: parsed,
    context: resolve(context),
    cacheDir,
    locate: async (place, more) => await locateBase(place, access, more),
    sourceDateEpoch: options.sourceDateEpoch ?? sourceDateEpoch(),
    noCache,
    signal,
    onEvent,
  });
  return {
    digest: result.descriptor.digest,
    descriptor: result.descriptor,
    source: result.source,
    images: result.images,
    warnings: result.warnings,
    timings: result.timings,
    save: async (place, { tags = [], signal: saveSignal } = {}) => {
      const destination = await parseDestination(place);
      if (destination.kind === "registry")
        throw new UsageError(`Cannot write to "${place}" by save(): it is in a registry`, {
          hint: "Use push() for registries",
        });
      await writeImageTo(destination, result, imageNames(parsed, tags), { signal: saveSignal });
    },
    push: async (names = imageNames(parsed, []), { signal: pushSignal, onEvent: onBlob } = {}) => {
      const all = [names].flat();
      if (all.length === 0) throw new UsageError("Cannot push an image without a name");
      await writeImageToAll(destinationsOf(all), result, [], {
        signal: pushSignal,
        registries,
        onEvent: (event) => {
          if (isBlobEvent(event)) onBlob?.(event);
        },
      });
    },
    [Symbol.asyncDispose]: async () => await registries[Symbol.asyncDispose](),
  };
}
