import { rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { type Blob, type Digest, LayoutStore, Limiter, type Options } from "@lading/oci";
import type { BlobEvent } from "../progress/blob-events.ts";
import { Transfer } from "../transfer.ts";

const transfersAtOnce = 4;

/**
 * What came over a network for a bundle, in a hidden folder beside it. It stays when fetching was
 * interrupted, and whoever creates the same file again goes on from there.
 */
export class GatheredBlobs {
  readonly #folder: string;
  #store: LayoutStore | undefined;

  constructor(output: string) {
    this.#folder = join(dirname(output), `.${basename(output)}.lading`);
  }

  /** The same blobs, those of registries from here. */
  async gather(
    blobs: readonly Blob[],
    shown: string,
    { signal, onEvent }: Options & { readonly onEvent: (event: BlobEvent) => void },
  ): Promise<readonly Blob[]> {
    const remote = blobs.filter(({ origin }) => origin !== undefined);
    if (remote.length === 0) return blobs;
    const store = await LayoutStore.create(this.#folder);
    this.#store = store;
    const limiter = new Limiter(transfersAtOnce);
    const stop = new AbortController();
    const fresh = new Set<Digest>();
    const fetching = remote.map(async (blob) => {
      try {
        await limiter.run(async () => {
          stop.signal.throwIfAborted();
          const { descriptor } = blob;
          const transfer = new Transfer(shown, {
            signal: signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]),
            onEvent,
            referrers: false,
          });
          await transfer.copy({ resolve: async () => descriptor, blob: () => blob }, store, descriptor);
          if (!transfer.unchanged) fresh.add(descriptor.digest);
        });
      } catch (error) {
        stop.abort(error);
      }
    });
    await Promise.all(fetching);
    signal?.throwIfAborted();
    stop.signal.throwIfAborted();
    return blobs.map((blob) => {
      const { descriptor, origin } = blob;
      if (origin === undefined) return blob;
      // What this process has hashed on the way need not be hashed again.
      return fresh.has(descriptor.digest) ? store.ownBlob(descriptor) : store.blob(descriptor);
    });
  }

  /** Removes what was gathered: it is in the bundle. */
  async remove(): Promise<void> {
    if (this.#store !== undefined) await rm(this.#folder, { recursive: true, force: true });
  }
}
