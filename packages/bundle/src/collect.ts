import {
  type Blob,
  type Descriptor,
  type Digest,
  isDocumentType,
  Limiter,
  OciError,
  type Options,
  readBlob,
  referrersOf,
  type Source,
  successors,
} from "@lading/oci";
import type { BundleContents } from "./contents.ts";
import { type Entry, nameBeside, nameEntries } from "./names.ts";

/** An image that is to be in a bundle. */
export interface ImageToBundle {
  /** A full reference with a tag, or with the digest of `descriptor`: what it is called on the other side. */
  readonly name: string;
  readonly source: Source;
  readonly descriptor: Descriptor;
}

export interface CollectOptions extends Options {
  /** What the other side has already: its blobs are left out. */
  readonly since?: BundleContents | undefined;
  /** Whether signatures, SBOMs and attestations come along. Default: true. */
  readonly referrers?: boolean;
}

/** What a bundle will hold. Documents were read for it, layers were not. */
export interface Collection {
  /** Of index.json: the images in the order in which they were given, then what refers to them. */
  readonly entries: readonly Descriptor[];
  /** Everything that goes into it, once. */
  readonly blobs: readonly Blob[];
  /** What it leads to and does not hold, because the other side has it. */
  readonly omitted: readonly Descriptor[];
  /** How many signatures, SBOMs and attestations there are. */
  readonly referrers: number;
  readonly since: BundleContents | undefined;
}

/**
 * Finds what images lead to and what refers to them. Manifests, indexes and signatures are never left
 * out, so a bundle says what it lacks, and who signed it. Throws OciError for what a source lacks or has damaged.
 */
export async function collectBundle(
  images: readonly ImageToBundle[],
  options: CollectOptions = {},
): Promise<Collection> {
  const { since, referrers = true } = options;
  refuseDoubles(images);
  const found = new Found(options);
  const named = images.map(({ name, descriptor }): Entry => ({ name, descriptor }));
  const beside = await Promise.all(
    images.map(async (image) => {
      const documents = await found.add(image.source, image.descriptor);
      return referrers ? await found.referrers(image, documents) : [];
    }),
  );
  const entries = nameEntries([...named, ...beside.flat()]);
  const blobs = found.blobs();
  const vouching = new Set(
    beside
      .flat()
      .flatMap(({ descriptor }) => found.under(descriptor))
      .filter(({ size }) => size <= mostVouching)
      .map(({ digest }) => digest),
  );
  const isOmitted = ({ descriptor: { digest, mediaType } }: Blob): boolean =>
    since?.blobs.has(digest) === true && !isDocumentType(mediaType) && !vouching.has(digest);
  return {
    entries,
    blobs: blobs.filter((blob) => !isOmitted(blob)),
    omitted: blobs.filter(isOmitted).map(({ descriptor }) => descriptor),
    referrers: entries.length - new Set(images.map(({ name }) => name)).size,
    since,
  };
}

// A delta must be verified before anybody looks at what the other side has, so signatures come along each time. SBOMs are larger.
const mostVouching = 64 * 1024; // bytes

// Deeper than any image, and than signatures of signatures of … that mean something.
const maxDepth = 16;
const questionsAtOnce = 6;

/** What was found so far, each blob at the first source that had it. */
class Found {
  readonly #options: Options;
  readonly #limiter = new Limiter(questionsAtOnce);
  readonly #blobs = new Map<Digest, Blob>();
  readonly #graphs = new Map<Digest, Promise<readonly Descriptor[]>>();
  readonly #children = new Map<Digest, readonly Descriptor[]>();

  constructor({ signal }: Options) {
    this.#options = { signal };
  }

  blobs(): readonly Blob[] {
    return [...this.#blobs.values()];
  }

  /** Notes all that `root` leads to; the documents among it. */
  async add(source: Source, root: Descriptor, depth = 0): Promise<readonly Descriptor[]> {
    if (depth > maxDepth) throw new OciError("LIMIT_EXCEEDED", `Cannot bundle more than ${maxDepth} levels of indexes`);
    if (!isDocumentType(root.mediaType)) {
      if (!this.#blobs.has(root.digest)) this.#blobs.set(root.digest, source.blob(root));
      return [];
    }
    const known = this.#graphs.get(root.digest);
    if (known !== undefined) return await known;
    const graph = this.#document(source, root, depth);
    this.#graphs.set(root.digest, graph);
    return await graph;
  }

  /** All that a document leads to that was added. */
  under({ digest }: Descriptor): readonly Descriptor[] {
    const below = new Map<Digest, Descriptor>();
    const waiting = [...(this.#children.get(digest) ?? [])];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (below.has(next.digest)) continue;
      below.set(next.digest, next);
      waiting.push(...(this.#children.get(next.digest) ?? []));
    }
    return [...below.values()];
  }

  /** Notes what refers to `subjects`, and what refers to that in turn. */
  async referrers(image: ImageToBundle, subjects: readonly Descriptor[], depth = 0): Promise<readonly Entry[]> {
    const { source, name } = image;
    const found = await Promise.all(
      subjects.map(async (subject) => await this.#ask(async () => await referrersOf(source, subject, this.#options))),
    );
    const beside = await Promise.all(
      found.flat().map(async ({ descriptor, tag }) => {
        const documents = await this.add(source, descriptor, depth);
        const entry: Entry = { descriptor, name: tag === undefined ? undefined : nameBeside(name, tag) };
        return [[entry], await this.referrers(image, documents, depth + 1)];
      }),
    );
    return beside.flat(2);
  }

  async #document(source: Source, root: Descriptor, depth: number): Promise<readonly Descriptor[]> {
    const bytes = await this.#ask(async () => await readBlob(source.blob(root), this.#options));
    const blob: Blob = {
      descriptor: root,
      open: async function* read() {
        yield bytes;
      },
    };
    this.#blobs.set(root.digest, blob);
    const named = await successors({ resolve: (name) => source.resolve(name), blob: () => blob }, root);
    const children = distinct(named);
    this.#children.set(root.digest, children);
    const below = await Promise.all(children.map(async (child) => await this.add(source, child, depth + 1)));
    return distinct([root, ...below.flat()]);
  }

  async #ask<T>(question: () => Promise<T>): Promise<T> {
    return await this.#limiter.run(async () => {
      this.#options.signal?.throwIfAborted();
      return await question();
    });
  }
}

/** Documents may name the same content many times over: each counts once. */
function distinct(descriptors: readonly Descriptor[]): readonly Descriptor[] {
  return [...new Map(descriptors.map((each) => [`${each.mediaType} ${each.digest}`, each])).values()];
}

function refuseDoubles(images: readonly ImageToBundle[]): void {
  const digests = new Map<string, Digest>();
  for (const { name, descriptor } of images) {
    const before = digests.get(name);
    if (before !== undefined && before !== descriptor.digest)
      throw new OciError("AMBIGUOUS", `Cannot bundle ${name} twice: as ${before} and as ${descriptor.digest}`);
    digests.set(name, descriptor.digest);
  }
}
