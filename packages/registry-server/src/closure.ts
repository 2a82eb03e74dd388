import { type Descriptor, type Digest, isIndexType, isManifestType, type Options, successors } from "@lading/oci";
import type { Backing } from "./backing.ts";

/** Registries keep manifests and blobs apart: what was pushed as the one cannot be had as the other. */
export type Kind = "manifest" | "blob";

export type Content = ReadonlyMap<string, Descriptor>;

export function contentKey(kind: Kind, digest: Digest): string {
  return `${kind} ${digest}`;
}

/** What roots lead to, looked up once for each. */
export class Closures {
  readonly #backing: Backing;
  readonly #known = new Map<string, Promise<Content>>();

  constructor(backing: Backing) {
    this.#backing = backing;
  }

  /** The root and all that it leads to, by `contentKey`. */
  of(root: Descriptor, options: Options = {}): Promise<Content> {
    const key = `${root.mediaType} ${root.digest}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const walk = this.#walk(root, options).then(({ content, complete }) => {
      // What is missing today may be pushed tomorrow.
      if (!complete) this.#known.delete(key);
      return content;
    });
    walk.catch(() => this.#known.delete(key));
    this.#known.set(key, walk);
    return walk;
  }

  async #walk(root: Descriptor, options: Options): Promise<{ content: Content; complete: boolean }> {
    const content = new Map<string, Descriptor>();
    let complete = true;
    const waiting = [root];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const { mediaType, digest } = next;
      const isDocument = isManifestType(mediaType) || isIndexType(mediaType);
      const key = contentKey(isDocument ? "manifest" : "blob", digest);
      if (content.has(key)) continue;
      content.set(key, next);
      if (!isDocument) continue;
      try {
        waiting.push(...(await successors(this.#backing.source, next, options)));
      } catch (error) {
        options.signal?.throwIfAborted();
        if (!(error instanceof Error)) throw error;
        complete = false;
      }
    }
    return { content, complete };
  }
}
