import {
  type Blob,
  type CopyEvent,
  type Descriptor,
  type Digest,
  isIndexType,
  isManifestType,
  mediaTypes,
  tapBlob,
} from "@lading/oci";

/** What a blob is to an image: "layer" is all that is neither document nor config. */
export type BlobKind = "index" | "manifest" | "config" | "layer";

/** What became of a blob: sent or fetched, there before, or mounted from another repository. */
export type BlobOutcome = "copied" | "exists" | "mounted";

/** What is told of single blobs on their way to or from a registry. Sizes are bytes, times milliseconds. */
export type BlobEvent =
  | {
      readonly type: "blob-start";
      /** Where it goes to, or comes from. */
      readonly place: string;
      readonly digest: Digest;
      readonly kind: BlobKind;
      readonly size: number;
    }
  /** `done` bytes so far; fewer than before when it began anew. */
  | { readonly type: "blob-progress"; readonly place: string; readonly digest: Digest; readonly done: number }
  /** What came so far is of no use: it begins anew. */
  | { readonly type: "blob-retry"; readonly place: string; readonly digest: Digest }
  | {
      readonly type: "blob-done";
      readonly place: string;
      readonly digest: Digest;
      readonly kind: BlobKind;
      readonly size: number;
      readonly outcome: BlobOutcome;
      /** The repository it was mounted from. */
      readonly from?: string;
      readonly ms: number;
    };

export function isBlobEvent(event: { readonly type: string }): event is BlobEvent {
  return event.type.startsWith("blob-");
}

interface Running {
  readonly begun: number;
  done: number;
  told: number;
}

// Often enough for a bar that moves, seldom enough for a log of JSON lines.
const tellEvery = 100;

/** Tells of the blobs of one transfer, and counts them. */
export class BlobEvents {
  readonly #place: string;
  readonly #onEvent: ((event: BlobEvent) => void) | undefined;
  readonly #running = new Map<Digest, Running>();
  /** Bytes of content that was sent or fetched. */
  bytes = 0;
  readonly counts: Record<BlobOutcome, number> = { copied: 0, exists: 0, mounted: 0 };

  constructor(place: string, onEvent: ((event: BlobEvent) => void) | undefined) {
    this.#place = place;
    this.#onEvent = onEvent;
  }

  /** For `copy`; `blob` tells where a blob came from. */
  copied(event: CopyEvent, blob: (descriptor: Descriptor) => Blob): void {
    const { descriptor } = event;
    switch (event.type) {
      case "opened":
        return this.#opened(descriptor);
      case "progress":
        return this.#progressed(descriptor, event.bytes);
      case "skipped":
        return this.done(descriptor, "exists");
      case "copied": {
        const { origin } = blob(descriptor);
        // Nobody read it: the registry has taken it from a repository of its own.
        const mounted = !this.#running.has(descriptor.digest) && origin !== undefined;
        return this.done(descriptor, mounted ? "mounted" : "copied", mounted ? origin.repository : undefined);
      }
    }
  }

  /** The same blob; reading it is told. */
  tap(blob: Blob): Blob {
    const { descriptor } = blob;
    return tapBlob(blob, {
      onOpen: () => this.#opened(descriptor),
      onBytes: (bytes) => this.#progressed(descriptor, bytes),
    });
  }

  done(descriptor: Descriptor, outcome: BlobOutcome, from?: string): void {
    const { digest, size } = descriptor;
    const running = this.#running.get(digest);
    this.#running.delete(digest);
    this.counts[outcome] += 1;
    if (outcome === "copied") this.bytes += size;
    this.#onEvent?.({
      type: "blob-done",
      place: this.#place,
      digest,
      kind: kindOf(descriptor),
      size,
      outcome,
      ...(from === undefined ? {} : { from }),
      ms: running === undefined ? 0 : performance.now() - running.begun,
    });
  }

  #opened(descriptor: Descriptor): void {
    const { digest, size } = descriptor;
    const known = this.#running.get(digest);
    if (known !== undefined) {
      if (known.done > 0) this.#onEvent?.({ type: "blob-retry", place: this.#place, digest });
      known.done = 0;
      return;
    }
    this.#running.set(digest, { begun: performance.now(), done: 0, told: performance.now() });
    this.#onEvent?.({ type: "blob-start", place: this.#place, digest, kind: kindOf(descriptor), size });
  }

  #progressed({ digest }: Descriptor, bytes: number): void {
    const running = this.#running.get(digest);
    if (running === undefined) return;
    running.done += bytes;
    const now = performance.now();
    if (now - running.told < tellEvery) return;
    running.told = now;
    this.#onEvent?.({ type: "blob-progress", place: this.#place, digest, done: running.done });
  }
}

function kindOf({ mediaType }: Descriptor): BlobKind {
  if (isIndexType(mediaType)) return "index";
  if (isManifestType(mediaType)) return "manifest";
  const configs: readonly string[] = [mediaTypes.ociConfig, mediaTypes.dockerConfig];
  return configs.includes(mediaType) ? "config" : "layer";
}
