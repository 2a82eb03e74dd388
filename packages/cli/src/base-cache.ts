import { createHash, randomUUID } from "node:crypto";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { LayerCache } from "@lading/builder";
import {
  type Blob,
  type Bytes,
  type Descriptor,
  firstOf,
  formatReference,
  isDigest,
  isTransient,
  makeFolder,
  OciError,
  type Options,
  type Reference,
  type Source,
} from "@lading/oci";
import * as z from "zod";
import { BlobEvents } from "./progress/blob-events.ts";
import type { ProgressEvent } from "./progress/progress.ts";
import { attempting, nameIn, type Registries } from "./registries.ts";

/*
 * What builds got from registries, so that they get it once: documents and layers by digest, among
 * the layers of the cache, and of each reference what it named when it was last asked for. Layers
 * come here only when their content is needed: one that the target of a push has, or mounts, never does.
 */

export interface BaseCacheOptions {
  /** Never ask a registry: what is not here is missing. */
  readonly offline?: boolean;
  readonly onEvent?: ((event: ProgressEvent) => void) | undefined;
}

const recordSchema = z.strictObject({
  version: z.literal(1),
  reference: z.string(),
  descriptor: z.strictObject({
    mediaType: z.string(),
    digest: z.custom<Descriptor["digest"]>((value) => typeof value === "string" && isDigest(value)),
    size: z.int().min(0),
  }),
  /** Milliseconds since 1970. */
  at: z.number(),
});

/** Base images in the cache folder; several processes may use it at once. */
export class BaseCache {
  readonly #cache: LayerCache;
  readonly #offline: boolean;
  readonly #onEvent: BaseCacheOptions["onEvent"];

  private constructor(cache: LayerCache, { offline = false, onEvent }: BaseCacheOptions) {
    this.#cache = cache;
    this.#offline = offline;
    this.#onEvent = onEvent;
  }

  static async open(folder: string, options: BaseCacheOptions = {}): Promise<BaseCache> {
    return new BaseCache(await LayerCache.open(folder), options);
  }

  /**
   * What `reference` names: asked of its registry, by HEAD, unless a digest says it already; offline,
   * what it named when it was last asked for. Throws OciError NOT_FOUND offline, when that was never.
   */
  async locate(
    reference: Reference,
    registries: Registries,
    options: Options = {},
  ): Promise<{ readonly source: Source; readonly descriptor: Descriptor }> {
    const known = await this.#recall(reference);
    if (this.#offline) {
      if (known === undefined)
        throw new OciError(
          "NOT_FOUND",
          `Cannot use ${formatReference(reference)} offline: it was never asked for with the cache "${this.#cache.folder}"`,
          { hint: "Run the build once without --offline" },
        );
      if (reference.digest === undefined)
        this.#onEvent?.({
          type: "note",
          message: `offline: ${formatReference(reference)} is taken for ${known.descriptor.digest}, as of ${new Date(known.at).toISOString()}`,
        });
      return { source: this.#source(reference, undefined), descriptor: known.descriptor };
    }
    const remote = await registries.repository(reference);
    const descriptor =
      reference.digest !== undefined && known !== undefined
        ? known.descriptor
        : await attempting(`Cannot read base ${formatReference(reference)}`, () =>
            remote.resolve(nameIn(reference), options),
          );
    await this.#remember(reference, descriptor);
    return { source: this.#source(reference, remote), descriptor };
  }

  #source(reference: Reference, remote: Source | undefined): Source {
    const { store } = this.#cache;
    const coming = new Map<string, Promise<void>>();
    const fetchOnce = async (descriptor: Descriptor, options: Options): Promise<void> => {
      const known = coming.get(descriptor.digest);
      if (known !== undefined) return await known;
      const promise = this.#fetch(reference, remote, descriptor, options);
      coming.set(descriptor.digest, promise);
      return await promise.finally(() => coming.delete(descriptor.digest));
    };
    async function* read(descriptor: Descriptor, options: Options): Bytes {
      await fetchOnce(descriptor, options);
      yield* store.ownBlob(descriptor).open(options);
    }
    const fetched: Source = {
      resolve: async (name) => {
        throw new OciError("NOT_FOUND", `Cannot find "${name}": a base is resolved once`);
      },
      blob: (descriptor) => ({ descriptor, open: (options = {}) => read(descriptor, options) }),
    };
    const { registry, repository } = reference;
    const cached = firstOf(this.#cache.layers, fetched);
    return {
      resolve: (name, options) => cached.resolve(name, options),
      // Wherever the bytes lie, the registry has them: a push there mounts instead of sending.
      blob: (descriptor): Blob => ({
        descriptor,
        origin: { registry, repository },
        open: (options) => cached.blob(descriptor).open(options),
      }),
    };
  }

  async #fetch(
    reference: Reference,
    remote: Source | undefined,
    descriptor: Descriptor,
    options: Options,
  ): Promise<void> {
    const place = formatReference(reference);
    if (remote === undefined)
      throw new OciError(
        "NOT_FOUND",
        `Cannot read ${descriptor.digest} of ${place} offline: it is not in the cache "${this.#cache.folder}"`,
        { hint: "Run the build once without --offline" },
      );
    const events = new BlobEvents(place, this.#onEvent);
    const blob = events.tap(remote.blob(descriptor));
    for (let again = true; ; again = false) {
      try {
        await this.#cache.store.push(blob, options);
        events.done(descriptor, "copied");
        return;
      } catch (error) {
        options.signal?.throwIfAborted();
        if (!again || !isTransient(error)) throw error;
      }
    }
  }

  async #recall(reference: Reference): Promise<z.output<typeof recordSchema> | undefined> {
    try {
      const text = await readFile(this.#path(reference), "utf8");
      const record = recordSchema.parse(JSON.parse(text), { jitless: true });
      return record.reference === formatReference(reference) ? record : undefined;
    } catch {
      return undefined;
    }
  }

  // Best effort: without a record, an offline build says what is missing.
  async #remember(reference: Reference, { mediaType, digest, size }: Descriptor): Promise<void> {
    const path = this.#path(reference);
    const temporary = `${path}.${randomUUID()}`;
    const record = {
      version: 1,
      reference: formatReference(reference),
      descriptor: { mediaType, digest, size },
      at: Date.now(),
    };
    try {
      makeFolder(dirname(path));
      await writeFile(temporary, JSON.stringify(record));
      await rename(temporary, path);
    } catch {
      await rm(temporary, { force: true });
    }
  }

  #path(reference: Reference): string {
    const key = createHash("sha256").update(formatReference(reference)).digest("hex");
    return join(this.#cache.folder, "references", `${key}.json`);
  }
}
