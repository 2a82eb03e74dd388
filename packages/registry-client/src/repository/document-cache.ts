import type { Digest } from "@lading/oci";

/** Documents that were verified a moment ago, by digest: who resolves, opens next. Bounded; the oldest leave first. */
export class DocumentCache {
  readonly #documents = new Map<Digest, Uint8Array>();
  readonly #limit: number;
  #size = 0;

  /** `limit` in bytes. */
  constructor(limit: number = 16 * 1024 * 1024) {
    this.#limit = limit;
  }

  get(digest: Digest): Uint8Array | undefined {
    const bytes = this.#documents.get(digest);
    if (bytes === undefined) return undefined;
    this.#documents.delete(digest);
    this.#documents.set(digest, bytes);
    return bytes;
  }

  set(digest: Digest, bytes: Uint8Array): void {
    this.delete(digest);
    this.#documents.set(digest, bytes);
    this.#size += bytes.byteLength;
    for (const oldest of this.#documents.keys()) {
      if (this.#size <= this.#limit) return;
      this.delete(oldest);
    }
  }

  delete(digest: Digest): void {
    this.#size -= this.#documents.get(digest)?.byteLength ?? 0;
    this.#documents.delete(digest);
  }
}
