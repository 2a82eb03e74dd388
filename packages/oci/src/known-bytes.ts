import type { Bytes } from "./content.ts";
import type { Descriptor } from "./descriptor.ts";

/**
 * What is known of bytes beyond the chunks themselves. It may be handed on to other bytes of the
 * same chunks by code that keeps none of them.
 */
export interface KnownBytes {
  /** Reading fails unless they are this descriptor's: source and sink both promise to check, and one of them is enough. */
  readonly checked?: Descriptor | undefined;
  /** Takes a chunk back to be filled again, once its reader has no more use for it. */
  readonly recycle?: ((chunk: Uint8Array) => void) | undefined;
}

const known = new WeakMap<Bytes, KnownBytes>();

export function knownOf(bytes: Bytes): KnownBytes {
  return known.get(bytes) ?? {};
}

/** Notes what is known of `bytes`, and returns them. */
export function withKnown<T extends Bytes>(bytes: T, what: KnownBytes): T {
  known.set(bytes, what);
  return bytes;
}
