import {
  type Blob,
  cosignTags,
  type Descriptor,
  type Digest,
  type DockerArchiveEntry,
  type FoundReferrer,
  firstOf,
  isCosignName,
  isDocumentType,
  nameOf,
  OciArchive,
  OciError,
  type Options,
  parseCosignTag,
  parseDockerArchive,
  readBlob,
  referrerOf,
  type ReferrerSource,
  type Source,
  successors,
} from "@lading/oci";
import { type Delta, parseDelta } from "./delta.ts";
import { type BundleFiles, findBundle, partPaths, verifyParts, type VerifyPartsOptions } from "./parts.ts";
import { nameBeside } from "./names.ts";

/** An image of a bundle. */
export interface BundledImage {
  /** A full reference, or undefined when it has none there. */
  readonly name: string | undefined;
  readonly descriptor: Descriptor;
}

/** What belongs to an image of a bundle. */
export interface Belongings {
  readonly content: readonly Descriptor[];
  /** Signatures, SBOMs and attestations: by subject, or by a tag of cosign's. */
  readonly referrers: readonly FoundReferrer[];
}

/**
 * A bundle, read in place. Opening it reads and verifies its documents, so all that it leads to is
 * known; layers are verified when they are read, or all of them by `verifyBundle`. Any OCI archive
 * is one.
 */
export class Bundle implements ReferrerSource {
  readonly file: string;
  /** Of its index.json: whoever knows it knows by digests all that the bundle holds. */
  readonly digest: Digest;
  /** What it builds on, when it is a delta. */
  readonly delta: Delta | undefined;
  readonly images: readonly BundledImage[];
  /** All that its images and what refers to them lead to, once, whether it is here or not. */
  readonly content: ReadonlyMap<Digest, Descriptor>;
  readonly #files: BundleFiles;
  readonly #archive: OciArchive;
  readonly #named: ReadonlyMap<string, Descriptor>;
  readonly #referrers: ReadonlyMap<Digest, readonly Descriptor[]>;
  readonly #children: ReadonlyMap<Digest, readonly Descriptor[]>;

  private constructor(files: BundleFiles, archive: OciArchive, delta: Delta | undefined, found: Walked) {
    this.#files = files;
    this.file = files.file;
    this.digest = archive.digest;
    this.delta = delta;
    this.images = found.images;
    this.content = found.content;
    this.#archive = archive;
    this.#named = found.named;
    this.#referrers = found.referrers;
    this.#children = found.children;
  }

  /**
   * `given`: its file; of one in parts the name of the whole, the list or any part, or several of
   * those, in any order, when they do not lie in one folder. Throws OciError NOT_FOUND,
   * INVALID_ARCHIVE, INVALID_DOCUMENT, DIGEST_MISMATCH, SIZE_MISMATCH, UNSUPPORTED or LIMIT_EXCEEDED.
   */
  static async open(given: string | readonly string[], options: Options = {}): Promise<Bundle> {
    const files = await findBundle(given);
    const parts = await partPaths(files);
    try {
      return await Bundle.#open(files, parts, options);
    } catch (error) {
      // What is wrong with a part says more than what comes of it.
      if (error instanceof OciError) await verifyParts(files, options);
      throw error;
    }
  }

  static async #open(files: BundleFiles, parts: readonly string[] | undefined, options: Options): Promise<Bundle> {
    const { archive, delta } = await openJoined(files, parts, options);
    return new Bundle(files, archive, delta, await walk(archive, options));
  }

  /** A name in full, or a tag of cosign's; a digest of what is listed. Throws OciError NOT_FOUND. */
  async resolve(name: string, options: Options = {}): Promise<Descriptor> {
    return this.#named.get(name) ?? (await this.#archive.resolve(name, options));
  }

  blob(descriptor: Descriptor): Blob {
    return this.#archive.blob(descriptor);
  }

  async referrers({ digest }: Descriptor): Promise<readonly Descriptor[]> {
    return this.#referrers.get(digest) ?? [];
  }

  /** All that an image leads to, and what refers to it or its parts, with what that leads to. */
  belongings({ name, descriptor }: BundledImage): Belongings {
    const content = new Map<Digest, Descriptor>();
    const referrers = new Map<string, FoundReferrer>();
    const waiting: Descriptor[] = [descriptor];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (content.has(next.digest)) continue;
      content.set(next.digest, next);
      waiting.push(...(this.#children.get(next.digest) ?? []));
      for (const referrer of this.#referrersOf(next, name)) {
        referrers.set(`${referrer.descriptor.digest} ${referrer.tag ?? ""}`, referrer);
        waiting.push(referrer.descriptor);
      }
    }
    return { content: [...content.values()], referrers: [...referrers.values()] };
  }

  #referrersOf(subject: Descriptor, image: string | undefined): readonly FoundReferrer[] {
    const bySubject = this.#referrers.get(subject.digest) ?? [];
    const byTag = cosignTags(subject.digest).flatMap((tag): readonly FoundReferrer[] => {
      const descriptor = this.#named.get(image === undefined ? tag : nameBeside(image, tag)) ?? this.#named.get(tag);
      return descriptor === undefined ? [] : [{ descriptor, tag }];
    });
    return [...bySubject.map((descriptor) => ({ descriptor })), ...byTag];
  }

  /** Whether it has this blob, right or damaged. */
  holds(digest: Digest): boolean {
    return this.#archive.holds(digest);
  }

  /** The image's own view: what cosign's tags name beside this image, and beside no other. What is not here is read from `bases`. */
  beside({ name }: BundledImage, bases: readonly Source[] = []): ReferrerSource {
    const content = firstOf(this, ...bases);
    return {
      resolve: async (asked, options) => {
        const own = name !== undefined && parseCosignTag(asked) !== undefined ? nameBeside(name, asked) : asked;
        return this.#named.get(own) ?? (await this.resolve(asked, options));
      },
      blob: (descriptor) => content.blob(descriptor),
      referrers: async (subject) => await this.referrers(subject),
    };
  }

  /** Paths of files that nothing in it speaks of. */
  get strays(): readonly string[] {
    const blobs = [...this.content.keys()].map((digest) => `blobs/${digest.replace(":", "/")}`);
    const known = new Set(["oci-layout", "index.json", "manifest.json", "repositories", ...blobs]);
    return this.#archive.paths().filter((path) => !known.has(path));
  }

  /** What engines read that know no layout; undefined when it is not there. Throws OciError. */
  async dockerEntries(options?: Options): Promise<readonly DockerArchiveEntry[] | undefined> {
    const bytes = await this.#archive.read("manifest.json", options);
    return bytes === undefined ? undefined : parseDockerArchive(bytes, `manifest.json in ${this.file}`);
  }

  /** How many files it is in. */
  get parts(): number {
    return this.#files.list?.parts.length ?? 1;
  }

  /** Holds the parts of a split bundle against their digests. Throws OciError DIGEST_MISMATCH. */
  async verifyParts(options?: VerifyPartsOptions): Promise<void> {
    await verifyParts(this.#files, options);
  }

  /** `holds`, as a place to look for what a delta lacks. */
  async has({ digest }: Descriptor): Promise<boolean> {
    return this.holds(digest);
  }

  /** What it leads to and does not hold: of a delta, what the other side must have. */
  get missing(): readonly Descriptor[] {
    return [...this.content.values()].filter(({ digest }) => !this.holds(digest));
  }
}

/** An archive that may be in parts, and what it builds on when it is a delta. Nothing is verified but its index.json. Throws as `Bundle.open`. */
export async function openArchive(
  given: string | readonly string[],
  options: Options = {},
): Promise<{ readonly archive: OciArchive; readonly delta: Delta | undefined }> {
  const files = await findBundle(given);
  return await openJoined(files, await partPaths(files), options);
}

async function openJoined(
  { file, list }: BundleFiles,
  parts: readonly string[] | undefined,
  options: Options,
): Promise<{ readonly archive: OciArchive; readonly delta: Delta | undefined }> {
  const archive = await OciArchive.open(file, { ...options, parts });
  if (list !== undefined && list.bundle !== archive.digest)
    throw new OciError(
      "DIGEST_MISMATCH",
      `Cannot read ${file}: its parts are of ${archive.digest}, not ${list.bundle}`,
    );
  return { archive, delta: parseDelta(archive.annotations, `index.json in ${file}`) };
}

interface Walked {
  readonly images: readonly BundledImage[];
  readonly content: ReadonlyMap<Digest, Descriptor>;
  readonly named: ReadonlyMap<string, Descriptor>;
  readonly referrers: ReadonlyMap<Digest, readonly Descriptor[]>;
  /** What each document names. */
  readonly children: ReadonlyMap<Digest, readonly Descriptor[]>;
}

async function walk(archive: OciArchive, options: Options): Promise<Walked> {
  const images: BundledImage[] = [];
  const named = new Map<string, Descriptor>();
  const referrers = new Map<Digest, Descriptor[]>();
  const content = new Map<Digest, Descriptor>();
  const children = new Map<Digest, readonly Descriptor[]>();
  for (const entry of await archive.list()) {
    const name = nameOf(entry);
    const { annotations: _names, ...descriptor } = entry;
    refuseName(name, descriptor);
    await descend(descriptor, undefined);
    const referrer = isDocumentType(entry.mediaType)
      ? referrerOf(entry, await readBlob(archive.blob(descriptor), options))
      : undefined;
    if (name !== undefined) named.set(name, descriptor);
    if (referrer !== undefined) {
      const known = referrers.get(referrer.subject.digest) ?? [];
      if (known.every(({ digest }) => digest !== descriptor.digest)) known.push(referrer.descriptor);
      referrers.set(referrer.subject.digest, known);
    }
    // What refers to something and has a name of its own was asked for by that.
    const isBeside = name === undefined ? referrer !== undefined : isCosignName(name);
    if (!isBeside) images.push({ name, descriptor });
  }
  return { images, named, referrers, content, children };

  function refuseName(name: string | undefined, { digest }: Descriptor): void {
    if (name === undefined) return;
    const said = name.split("@")[1];
    if (said !== undefined && said !== digest)
      throw invalid(archive, `its index.json calls ${digest} ${JSON.stringify(name)}`);
    const other = named.get(name)?.digest ?? digest;
    if (other !== digest)
      throw invalid(archive, `its index.json calls both ${other} and ${digest} ${JSON.stringify(name)}`);
  }

  async function descend(descriptor: Descriptor, parent: Descriptor | undefined): Promise<void> {
    const { digest, mediaType, size } = descriptor;
    const known = content.get(digest);
    if (known !== undefined && known.size !== size)
      throw invalid(archive, `${digest} is said to have ${known.size} bytes, and ${size}`);
    // What is named as a blob and as a document is looked into.
    if (children.has(digest) || (known !== undefined && !isDocumentType(mediaType))) return;
    content.set(digest, descriptor);
    if (!isDocumentType(mediaType)) return;
    if (!archive.holds(digest))
      throw invalid(archive, `${parent?.digest ?? "its index.json"} names ${digest}, which is not in it`);
    const found = await successors(archive, descriptor, options);
    children.set(digest, found);
    for (const child of found) await descend(child, descriptor);
  }
}

function invalid(archive: OciArchive, reason: string): OciError {
  return new OciError("INVALID_ARCHIVE", `Cannot read ${archive.file}: ${reason}`);
}
