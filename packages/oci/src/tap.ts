import type { Blob, Bytes, Source } from "./content.ts";
import type { Descriptor } from "./descriptor.ts";
import { knownOf, withKnown } from "./known-bytes.ts";

/** What to do while a blob is read. */
export interface BlobTap {
  /** Each time reading begins: again, when a transfer is tried again. */
  readonly onOpen?: () => void;
  /** So many bytes more were read. */
  readonly onBytes?: (count: number) => void;
  /** Reading failed; what it returns is thrown instead. */
  readonly onError?: (error: unknown) => unknown;
}

/** The same blob, with a tap on it. Unlike behind a generator of one's own, its bytes count as verified, and no sink hashes them again. */
export function tapBlob(blob: Blob, tap: BlobTap): Blob {
  const { descriptor, origin } = blob;
  return {
    descriptor,
    ...(origin === undefined ? {} : { origin }),
    open(options) {
      tap.onOpen?.();
      const bytes = blob.open(options);
      return withKnown(tapped(bytes, tap), knownOf(bytes));
    },
  };
}

/** The same source, with a tap on each of its blobs. */
export function tapSource(source: Source, tap: (descriptor: Descriptor) => BlobTap): Source {
  return {
    resolve: (name, options) => source.resolve(name, options),
    blob: (descriptor) => tapBlob(source.blob(descriptor), tap(descriptor)),
  };
}

async function* tapped(bytes: Bytes, { onBytes, onError }: BlobTap): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of bytes) {
      onBytes?.(chunk.byteLength);
      yield chunk;
    }
  } catch (error) {
    throw onError === undefined ? error : onError(error);
  }
}
