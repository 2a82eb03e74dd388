import { type Blob, type Bytes, knownOf, type Options, verified, withKnown } from "@lading/oci";
import type { RequestBody } from "../transport/registry-host.ts";

/** The bytes of a blob on their way out, and how reading them went. */
export class UploadSource {
  readonly blob: Blob;
  #failure: { readonly error: unknown } | undefined;

  constructor(blob: Blob) {
    this.blob = blob;
  }

  /** Throws what reading failed with, if it did: nothing that a registry says about it matters then. */
  throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** The bytes, verified; the last of them are given out when all were found right, so wrong content is never sent whole. */
  open(options: Options): Bytes {
    const bytes = verified(this.blob.open(options), this.blob.descriptor);
    return withKnown(this.#watched(holdBack(bytes)), knownOf(bytes));
  }

  /** As the body of one request. */
  get body(): RequestBody {
    return { size: this.blob.descriptor.size, open: (options) => this.open(options) };
  }

  async *#watched(bytes: Bytes): AsyncGenerator<Uint8Array> {
    try {
      yield* bytes;
    } catch (error) {
      this.#failure = { error };
      throw error;
    }
  }
}

async function* holdBack(bytes: Bytes): AsyncGenerator<Uint8Array> {
  let held: Uint8Array | undefined;
  for await (const chunk of bytes) {
    if (chunk.byteLength === 0) continue;
    if (held !== undefined) yield held;
    held = chunk;
  }
  if (held !== undefined) yield held;
}

/** A body in memory. */
export function bodyOf(bytes: Uint8Array): RequestBody {
  return {
    size: bytes.byteLength,
    open: async function* open() {
      if (bytes.byteLength > 0) yield bytes;
    },
  };
}
