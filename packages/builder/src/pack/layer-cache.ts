import { type Digest, digestHex, LayoutStore, makeFolder, type Source } from "@lading/oci";
import { createHash } from "node:crypto";
import { constants, readdirSync, readFileSync, rmSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { blaming } from "../list/blaming.ts";
import { attempt, BlobFile, isAbandoned, replaceFile } from "./blob-file.ts";
import {
  type CacheStats,
  cacheStats,
  clearCache,
  pruneCache,
  type PruneOptions,
  type PruneResult,
} from "./cache-upkeep.ts";
import type { CompressedLayer } from "./compress-layer.ts";
import { BuildError } from "../errors.ts";
import { isLayerRecord, isPlanFacts, type PlanFacts } from "./layer-record.ts";

/**
 * What a record is filed under: the files' stats, the diffID, or the layer's shape; see selector.ts.
 * "listing" is what explain.ts compares.
 */
export type LayerKey = "stat" | "content" | "shape" | "run";

/** So that pruning by age spares what is in use, without a write on every build. */
const TOUCH_AFTER_MS = 10 * 60 * 1000;

/**
 * Layers of earlier builds, in a folder that several processes may use at once. It is an OCI layout
 * (`store`), with records beside the blobs: `layers/stat/KEY`, `layers/content/KEY`,
 * `layers/shape/KEY`, `layers/plan/KEY`, `layers/listing/KEY`. Blobs and records appear whole, by rename, a record after its
 * blob; a record is believed only while the blob is there with its size. So a build that is killed
 * leaves a temporary file at most, and the next one removes it.
 */
export class LayerCache {
  readonly folder: string;
  /** The blobs. */
  readonly store: LayoutStore;

  private constructor(folder: string, store: LayoutStore) {
    this.folder = folder;
    this.store = store;
  }

  /** Opens the cache, or makes it. Throws BuildError OUTPUT when the folder cannot be written, or is none of ours. */
  static async open(folder: string): Promise<LayerCache> {
    attempt(join(folder, "oci-layout"), () => makeFolder(folder));
    const cache = new LayerCache(folder, await LayoutStore.create(folder, besideBlobs).catch(cannotOpen(folder)));
    attempt(join(folder, "layers"), () => {
      for (const name of ["stat", "content", "shape", "plan", "run", "listing"]) {
        makeFolder(join(folder, "layers", name));
      }
      makeFolder(cache.#temporary);
      if (statSync(join(folder, "CACHEDIR.TAG"), { throwIfNoEntry: false }) === undefined) {
        replaceFile(join(folder, "CACHEDIR.TAG"), CACHEDIR_TAG, cache.#temporary);
      }
    });
    for (const name of readdirSync(cache.#temporary)) {
      if (isAbandoned(join(cache.#temporary, name)))
        rmSync(join(cache.#temporary, name), { recursive: true, force: true });
    }
    return cache;
  }

  /**
   * The layers, for whoever reads them. One that was damaged on the disk is removed when that comes
   * out, so that the next build packs it anew. Throws BuildError OUTPUT then.
   */
  get layers(): Source {
    return blaming(this.store, ({ digest }, cause) => {
      rmSync(this.store.path(digest), { force: true });
      return new BuildError("OUTPUT", `Cannot use layer ${digest} of the cache "${this.folder}": it was damaged`, {
        cause,
        hint: "Build again: it is removed now, and will be packed anew",
      });
    });
  }

  /** A file to write a layer into; it comes to nothing unless it is committed. */
  createBlob(): BlobFile {
    return new BlobFile(this.#temporary);
  }

  /** Give a layer its place. */
  commitBlob(blob: BlobFile, digest: Digest): void {
    blob.commit(this.store.path(digest));
  }

  /** The layer filed under a key, if its blob is there. */
  recall(kind: LayerKey, key: string): CompressedLayer | undefined {
    return this.#layerOf(this.#document(kind, key), kind);
  }

  /** The layer of a plan, and what is known of that. */
  recallPlan(key: string): { readonly layer: CompressedLayer; readonly facts: PlanFacts } | undefined {
    const document = this.#document("plan", key);
    const facts = isPlanFacts(document) ? document : undefined;
    const layer = facts && this.#layerOf(document, "plan");
    return layer && facts && { layer, facts };
  }

  #document(kind: LayerKey | "plan", key: string): unknown {
    const text = this.#read(kind, key);
    return text && parsed(text);
  }

  #layerOf(document: unknown, kind: LayerKey | "plan"): CompressedLayer | undefined {
    // Damaged records are as good as none.
    if (!isLayerRecord(document)) return undefined;
    const { descriptor, diffId, unpackedSize } = document;
    const path = this.store.path(descriptor.digest);
    const blob = statSync(path, { throwIfNoEntry: false });
    if (blob?.isFile() !== true || blob.size !== descriptor.size) return undefined;
    // A layer of the same shape is a hint, not a use.
    if (kind !== "shape" && Date.now() - blob.mtimeMs > TOUCH_AFTER_MS) touch(path);
    return { descriptor, diffId, unpackedSize };
  }

  /** File a layer whose blob is committed. */
  remember(kind: LayerKey, key: string, { descriptor, diffId, unpackedSize }: CompressedLayer): void {
    const record = JSON.stringify({ version: 1, descriptor, diffId, unpackedSize });
    replaceFile(this.#path(kind, key), record, this.#temporary);
  }

  /** File what is known of a layer's plan, with the layer. */
  rememberPlan(key: string, { descriptor, diffId, unpackedSize }: CompressedLayer, facts: PlanFacts): void {
    const record = JSON.stringify({ version: 1, descriptor, diffId, unpackedSize, ...facts });
    replaceFile(this.#path("plan", key), record, this.#temporary);
  }

  /** What the last build of the layer `identity` consisted of. */
  recallListing(identity: string): Uint8Array | undefined {
    return this.#read("listing", identityKey(identity));
  }

  rememberListing(identity: string, listing: Uint8Array): void {
    replaceFile(this.#path("listing", identityKey(identity)), listing, this.#temporary);
  }

  /** What is in it. */
  stats(): CacheStats {
    return cacheStats(this.folder);
  }

  /** Remove what was not used lately; see pruneCache(). */
  prune(options?: PruneOptions): Promise<PruneResult> {
    return pruneCache(this.folder, options);
  }

  /** Remove every layer and everything known of earlier builds. */
  clear(options?: Pick<PruneOptions, "others">): Promise<PruneResult> {
    return clearCache(this.folder, options);
  }

  get #temporary(): string {
    return join(this.folder, "tmp");
  }

  #path(kind: LayerKey | "plan" | "listing", key: string): string {
    return join(this.folder, "layers", kind, key);
  }

  #read(kind: LayerKey | "plan" | "listing", key: string): Buffer | undefined {
    try {
      return readFileSync(this.#path(kind, key), { flag: constants.O_RDONLY | constants.O_NONBLOCK });
    } catch {
      // Whatever it is that hinders reading: without the record we pack, and writing will tell.
      return undefined;
    }
  }
}

// Planning alone may have made some of these, before there were layers.
const besideBlobs: readonly string[] = [
  "CACHEDIR.TAG",
  "archives",
  "downloads",
  "indexes",
  "installed",
  "layers",
  "mounts",
  "outputs",
  "references",
  "tmp",
];

function cannotOpen(folder: string): (cause: unknown) => never {
  return (cause) => {
    const detail = cause instanceof Error ? cause.message : String(cause);
    throw new BuildError("OUTPUT", `Cannot open the cache "${folder}": ${detail}`, {
      cause,
      hint: "Name another folder with --cache-dir or LADING_CACHE_DIR; if this one held a cache, it can be deleted",
    });
  };
}

// https://bford.info/cachedir/
const CACHEDIR_TAG = `Signature: 8a477f597d28d172789f06886806bc55
# This folder holds layers and records that Lading can make again.
`;

/** What a layer of this diffID, compressed by this codec, is filed under. */
export function contentKey(diffId: Digest, codec: string): string {
  return `${digestHex(diffId)}-${codec.replaceAll(":", "-")}`;
}

function identityKey(identity: string): string {
  return createHash("sha256").update(identity).digest("hex");
}

function parsed(text: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(text).toString());
  } catch {
    return undefined;
  }
}

/** Mark as used; somebody else may just have pruned it, or own it. */
function touch(path: string): void {
  try {
    const now = new Date();
    utimesSync(path, now, now);
  } catch {
    // Then it is pruned a little sooner.
  }
}
