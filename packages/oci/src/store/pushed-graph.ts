import type { Blob, Options } from "../content.ts";
import { type Descriptor, isDocumentType, isIndexType, isManifestType } from "../descriptor.ts";
import type { Digest } from "../digest.ts";
import { OciError } from "../errors.ts";
import { successorsOf } from "../graph.ts";
import { documentLimit } from "../json.ts";
import { readBlob } from "../verify.ts";

/** What was pushed, in an order that depends on the content alone. */
export interface WalkedGraph {
  /** Documents that no other pushed document names, by digest. */
  readonly roots: readonly Descriptor[];
  /** Everything once: parents before children, an index's images in its order. */
  readonly blobs: readonly Blob[];
  /** The documents among them. */
  readonly documents: ReadonlyMap<Digest, Uint8Array>;
}

/** Takes note of blobs until it is known what they are to become. */
export class PushedGraph {
  readonly #blobs = new Map<Digest, Blob>();

  /** What was pushed as a mere blob does not count as a manifest: nobody pushed what it leads to. */
  has({ digest, mediaType }: Descriptor): boolean {
    const known = this.#blobs.get(digest);
    return known !== undefined && (isDocumentType(known.descriptor.mediaType) || !isDocumentType(mediaType));
  }

  add(blob: Blob): void {
    if (!this.has(blob.descriptor)) this.#blobs.set(blob.descriptor.digest, blob);
  }

  clear(): void {
    this.#blobs.clear();
  }

  /** Reads the documents, and orders everything: what `first` leads to, then the rest. With `partial`, images may lack their parts. */
  async walk(
    first: readonly Descriptor[],
    { partial = false, ...options }: Options & { readonly partial?: boolean } = {},
  ): Promise<WalkedGraph> {
    const documents = new Map<Digest, Uint8Array>();
    const children = new Map<Digest, readonly Descriptor[]>();
    const named = new Set<Digest>();
    const pushed = [...this.#blobs.values()].toSorted((a, b) => (a.descriptor.digest < b.descriptor.digest ? -1 : 1));
    for (const { descriptor } of pushed) {
      if (!isDocumentType(descriptor.mediaType)) continue;
      const bytes = await this.#document(descriptor, options);
      const found = successorsOf(bytes, descriptor);
      documents.set(descriptor.digest, bytes);
      children.set(descriptor.digest, found);
      for (const child of found) named.add(child.digest);
      // The config is the first of a manifest's; engines' views of it are made of it.
      const config = isManifestType(descriptor.mediaType) ? found[0] : undefined;
      if (config === undefined || config.size > documentLimit || documents.has(config.digest)) continue;
      if (this.has(config)) documents.set(config.digest, await this.#document(config, options));
    }
    const roots = pushed
      .map(({ descriptor }) => descriptor)
      .filter(({ digest }) => children.has(digest) && !named.has(digest));

    const ordered = new Map<Digest, Blob>();
    const visit = (descriptor: Descriptor, parent?: Descriptor): void => {
      if (ordered.has(descriptor.digest)) return;
      const blob = this.#blobs.get(descriptor.digest);
      if (blob === undefined) {
        // An index may name images that were left out on purpose; an image without its parts is none.
        if (partial || parent === undefined || isIndexType(parent.mediaType)) return;
        throw new OciError("NOT_FOUND", `Cannot write ${parent.digest}: its ${descriptor.digest} was not pushed`);
      }
      ordered.set(descriptor.digest, withDocument(blob, documents.get(descriptor.digest)));
      for (const child of children.get(descriptor.digest) ?? []) visit(child, descriptor);
    };
    for (const root of [...first, ...roots]) visit(root);
    for (const { descriptor } of pushed) visit(descriptor);
    return { roots, blobs: [...ordered.values()], documents };
  }

  async #document(descriptor: Descriptor, options: Options): Promise<Uint8Array> {
    const blob = this.#blobs.get(descriptor.digest);
    if (blob === undefined) throw new OciError("NOT_FOUND", `Cannot write ${descriptor.digest}: it was not pushed`);
    return readBlob(blob, options);
  }
}

// Each blob is read once: documents were read already.
function withDocument(blob: Blob, bytes: Uint8Array | undefined): Blob {
  if (bytes === undefined) return blob;
  return {
    descriptor: blob.descriptor,
    open: async function* read() {
      yield bytes;
    },
  };
}
