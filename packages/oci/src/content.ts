import type { Descriptor } from "./descriptor.ts";

/*
 * The life of content. Bytes get an address in `Store.write`, or come with one (`Sink.push`). Until
 * that call has returned nobody can see them: a store shows content whole or not at all. Content is
 * never changed afterwards; only names (`tag`) move. A name is given last, when everything under it
 * is there, so whoever resolves a name can read all of it.
 */

/** Bytes in chunks: Node Readable, web stream and async generator alike. Nobody changes a chunk they gave out. */
export type Bytes = AsyncIterable<Uint8Array>;

export interface Options {
  /** Ends the work early; its reason is what is thrown. */
  readonly signal?: AbortSignal | undefined;
}

/** Bytes with a known address. */
export interface Blob {
  readonly descriptor: Descriptor;
  /** The repository it can be mounted from, when it came from a registry. */
  readonly origin?: { readonly registry: string; readonly repository: string };
  /**
   * The bytes from the start; any number of times, also concurrently. Reading fails with
   * OciError DIGEST_MISMATCH or SIZE_MISMATCH instead of ending when they are not the descriptor's.
   * An error with `transient: true` says that another attempt may end better: `copy` makes one.
   */
  open(options?: Options): Bytes;
}

/** A place to read content from. */
export interface Source {
  /** The descriptor a tag or digest names. Throws OciError NOT_FOUND, or AMBIGUOUS when `name` is "" and there are several. */
  resolve(name: string, options?: Options): Promise<Descriptor>;
  /** No I/O: the blob is read when opened. */
  blob(descriptor: Descriptor): Blob;
}

/** A place to put content. */
export interface Sink {
  /** Whether the content is here; of a manifest or index, whether all it leads to is as well. */
  has(descriptor: Descriptor, options?: Options): Promise<boolean>;
  /** Stores the blob, whose bytes are verified on the way; does nothing when it is already there. */
  push(blob: Blob, options?: Options): Promise<void>;
  /** Gives content that is already here a name; an existing name moves. */
  tag(descriptor: Descriptor, name: string, options?: Options): Promise<void>;
  /** Lists content that has no name, where it would be lost otherwise: a layout needs it for referrers, a registry does not. */
  keep?(descriptor: Descriptor, options?: Options): Promise<void>;
}

/** A source that can tell what refers to its content. */
export interface ReferrerSource extends Source {
  /**
   * The manifests whose `subject` is `subject`, with their `artifactType` and annotations
   * (distribution-spec §Listing Referrers); none when nothing refers to it.
   */
  referrers(subject: Descriptor, options?: Options): Promise<readonly Descriptor[]>;
}

/** A local content store: the only thing that gives new bytes an address. */
export interface Store extends Source, Sink {
  /** Stores bytes of unknown address and returns it: `mediaType`, sha256 digest, size. */
  write(bytes: Bytes, mediaType: string, options?: Options): Promise<Descriptor>;
}
