import type { Blob, Bytes, Options } from "./content.ts";
import type { Descriptor } from "./descriptor.ts";
import { digestAlgorithm, Digester, digestOf } from "./digest.ts";
import { OciError } from "./errors.ts";
import { documentLimit } from "./json.ts";
import { knownOf, withKnown } from "./known-bytes.ts";

/**
 * The same bytes, checked on the way: fails as soon as one byte too many arrives, and instead of
 * ending when they are too few or do not hash to the digest. So whoever read to the end has what
 * the descriptor names. Bytes that are checked already are not hashed again. Throws OciError
 * SIZE_MISMATCH or DIGEST_MISMATCH.
 */
export function verified(bytes: Bytes, descriptor: Descriptor): Bytes {
  const { checked, recycle } = knownOf(bytes);
  if (checked?.digest === descriptor.digest && checked.size === descriptor.size) return bytes;
  return withKnown(check(bytes, descriptor), { checked: descriptor, recycle });
}

async function* check(bytes: Bytes, descriptor: Descriptor): AsyncGenerator<Uint8Array, void, undefined> {
  const digester = new Digester(digestAlgorithm(descriptor.digest));
  for await (const chunk of bytes) {
    digester.update(chunk);
    if (digester.size > descriptor.size) throw wrongSize(descriptor, `more than ${descriptor.size} bytes`);
    yield chunk;
  }
  if (digester.size < descriptor.size) throw wrongSize(descriptor, `${digester.size} of ${descriptor.size} bytes`);
  const actual = digester.digest();
  if (actual !== descriptor.digest) throw wrongDigest(descriptor, actual);
}

/** Whether bytes in memory are the descriptor's. */
export function matches(bytes: Uint8Array, { digest, size }: Descriptor): boolean {
  return bytes.byteLength === size && digestOf(bytes, digestAlgorithm(digest)) === digest;
}

/** `verified` for bytes that are in memory. */
export function verifyBytes(bytes: Uint8Array, descriptor: Descriptor): void {
  if (bytes.byteLength !== descriptor.size)
    throw wrongSize(descriptor, `${bytes.byteLength} instead of ${descriptor.size} bytes`);
  const actual = digestOf(bytes, digestAlgorithm(descriptor.digest));
  if (actual !== descriptor.digest) throw wrongDigest(descriptor, actual);
}

/** Reads a document whole. Throws OciError LIMIT_EXCEEDED, before reading, when it is over `limit` bytes (4 MiB). */
export async function readBlob(blob: Blob, options: Options & { readonly limit?: number } = {}): Promise<Uint8Array> {
  const { limit = documentLimit, signal } = options;
  const { descriptor } = blob;
  if (descriptor.size > limit)
    throw new OciError(
      "LIMIT_EXCEEDED",
      `Cannot read ${descriptor.digest}: ${descriptor.size} bytes are more than ${limit}`,
    );
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of blob.open({ signal })) {
    size += chunk.byteLength;
    // A source that breaks its promise to verify must not fill the memory either.
    if (size > descriptor.size) throw wrongSize(descriptor, `more than ${descriptor.size} bytes`);
    chunks.push(chunk);
  }
  const bytes = Buffer.concat(chunks);
  verifyBytes(bytes, descriptor);
  return bytes;
}

function wrongSize({ digest }: Descriptor, detail: string): OciError {
  return new OciError("SIZE_MISMATCH", `Cannot read ${digest}: ${detail}`);
}

function wrongDigest({ digest }: Descriptor, actual: string): OciError {
  return new OciError("DIGEST_MISMATCH", `Cannot read ${digest}: the content is ${actual}`);
}
