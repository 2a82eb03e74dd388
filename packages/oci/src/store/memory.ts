import type { Blob, Bytes, Options, ReferrerSource, Store } from "../content.ts";
import type { Descriptor } from "../descriptor.ts";
import { type Digest, digestOf } from "../digest.ts";
import { OciError } from "../errors.ts";
import { hasGraph } from "../graph.ts";
import { LayoutIndex } from "./layout-index.ts";
import { verified } from "../verify.ts";

/** A store that lives as long as the process; see `Store`. */
export class MemoryStore implements Store, ReferrerSource {
  readonly #blobs = new Map<Digest, Uint8Array>();
  #index = LayoutIndex.empty();

  async resolve(name: string): Promise<Descriptor> {
    return this.#index.resolve(name, "memory", async (digest) => this.#blobs.get(digest));
  }

  /** The names given, with what they name. */
  async list(): Promise<readonly Descriptor[]> {
    return this.#index.entries;
  }

  async referrers(subject: Descriptor): Promise<readonly Descriptor[]> {
    return this.#index.referrers(
      subject,
      async (digest) => this.#blobs.get(digest),
      async () => [...this.#blobs.keys()],
    );
  }

  async keep(descriptor: Descriptor): Promise<void> {
    this.#index = this.#index.withEntry(descriptor);
  }

  blob(descriptor: Descriptor): Blob {
    const find = (): Uint8Array => {
      const bytes = this.#blobs.get(descriptor.digest);
      if (bytes === undefined) throw new OciError("NOT_FOUND", `Cannot find ${descriptor.digest} in memory`);
      return bytes;
    };
    return {
      descriptor,
      open: (options) =>
        verified(
          (async function* read() {
            options?.signal?.throwIfAborted();
            yield find();
          })(),
          descriptor,
        ),
    };
  }

  /** Of a manifest or index: whether all it leads to is here as well. */
  async has(descriptor: Descriptor): Promise<boolean> {
    return hasGraph(
      descriptor,
      async ({ digest }) => this.#blobs.get(digest),
      async ({ digest }) => this.#blobs.has(digest),
    );
  }

  async push(blob: Blob, options?: Options): Promise<void> {
    if (this.#blobs.has(blob.descriptor.digest)) return;
    this.#blobs.set(blob.descriptor.digest, await collect(verified(blob.open(options), blob.descriptor), options));
  }

  async tag(descriptor: Descriptor, name: string): Promise<void> {
    if (!this.#blobs.has(descriptor.digest))
      throw new OciError("NOT_FOUND", `Cannot tag ${descriptor.digest} as "${name}": it is not in memory`);
    this.#index = this.#index.withName(descriptor, name);
  }

  /** Takes a name back, as `nameOf` has it; what it named stays. */
  async untag(name: string): Promise<void> {
    this.#index = this.#index.without(name);
  }

  async write(bytes: Bytes, mediaType: string, options?: Options): Promise<Descriptor> {
    const content = await collect(bytes, options);
    const digest = digestOf(content);
    this.#blobs.set(digest, content);
    return { mediaType, digest, size: content.byteLength };
  }
}

async function collect(bytes: Bytes, options?: Options): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes) {
    options?.signal?.throwIfAborted();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
