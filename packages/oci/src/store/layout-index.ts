import { type Descriptor, isDocumentType, mediaTypes } from "../descriptor.ts";
import { cosignKinds, isCosignName, parseCosignTag } from "../cosign-tags.ts";
import { type Digest, isDigest } from "../digest.ts";
import { detectMediaType, type Index, parseIndex } from "../documents.ts";
import { OciError } from "../errors.ts";
import { jsonBytes, sortKeys } from "../json.ts";
import { isAttestation } from "../platform.ts";
import { type Referrer, referrerOf } from "../referrer.ts";
import { formatReference, isTag, parseReference, type Reference, withDefaultTag } from "../reference.ts";

/** Where an entry of an index.json has its name. */
export const nameAnnotations = {
  /** Engines (containerd, podman, Docker) take the full reference here. */
  image: "io.containerd.image.name",
  /** image-spec annotations.md: a tag, as skopeo and umoci use it. */
  ref: "org.opencontainers.image.ref.name",
  /** A full reference that engines shall not see: containerd would unpack a signature that it finds a name of. */
  beside: "dev.lading.image.name",
} as const;
const { image: imageNameAnnotation, ref: refNameAnnotation, beside: besideAnnotation } = nameAnnotations;

type ReadBlob = (digest: Digest) => Promise<Uint8Array | undefined>;

/** The index.json of an OCI layout: which content is named, and how. Never changed, only replaced. */
export class LayoutIndex {
  readonly #document: Index;

  private constructor(document: Index) {
    this.#document = document;
  }

  static empty(): LayoutIndex {
    return new LayoutIndex({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [] });
  }

  static parse(bytes: Uint8Array, what: string): LayoutIndex {
    // As that of the layer cache is.
    const empty = LayoutIndex.empty();
    if (Buffer.compare(bytes, empty.bytes()) === 0) return empty;
    return new LayoutIndex(parseIndex(bytes, undefined, what));
  }

  get entries(): readonly Descriptor[] {
    return this.#document.manifests;
  }

  get annotations(): Readonly<Record<string, string>> {
    return this.#document.annotations ?? {};
  }

  bytes(): Uint8Array {
    return jsonBytes(this.#document);
  }

  /** With `name` on `descriptor`, and on nothing else. Throws SyntaxError when it cannot be a name. */
  withName(descriptor: Descriptor, name: string): LayoutIndex {
    const entry = named(descriptor, name);
    const key = nameOf(entry);
    const { manifests } = this.#document;
    const others = manifests.filter(
      // What was listed without a name needs no entry of its own once it has one.
      (other) => (nameOf(other) === undefined ? other.digest !== descriptor.digest : nameOf(other) !== key),
    );
    return new LayoutIndex({ ...this.#document, manifests: [...others, entry] });
  }

  /** With `descriptor` listed, named or not. Annotations that would name it are left out: referrers bring those of their documents, which strangers wrote. */
  withEntry(descriptor: Descriptor): LayoutIndex {
    const { manifests } = this.#document;
    if (manifests.some(({ digest }) => digest === descriptor.digest)) return this;
    return new LayoutIndex({ ...this.#document, manifests: [...manifests, withoutName(descriptor)] });
  }

  /** With one more entry, just as it is. */
  withListed(entry: Descriptor): LayoutIndex {
    return new LayoutIndex({ ...this.#document, manifests: [...this.#document.manifests, entry] });
  }

  /** With annotations of its own, as a whole. */
  withAnnotations(annotations: Readonly<Record<string, string>>): LayoutIndex {
    return new LayoutIndex({ ...this.#document, annotations });
  }

  /** With these annotations on every entry of what is listed already. */
  withEntryAnnotations(digest: Digest, annotations: Readonly<Record<string, string>>): LayoutIndex {
    const manifests = this.#document.manifests.map((entry) =>
      entry.digest === digest ? { ...entry, annotations: sortKeys({ ...entry.annotations, ...annotations }) } : entry,
    );
    return new LayoutIndex({ ...this.#document, manifests });
  }

  /** Without the entry of exactly this name; of a digest: without the entry that lists it and has no name. */
  without(name: string): LayoutIndex {
    const { manifests } = this.#document;
    const others = manifests.filter((entry) => (nameOf(entry) ?? entry.digest) !== name);
    return others.length === manifests.length ? this : new LayoutIndex({ ...this.#document, manifests: others });
  }

  /**
   * What `name` names: a tag, a full reference, a digest, `@N` for the N-th entry, or "" for the
   * only one. `place` is for the error; `read` finds documents that are in the store but not listed.
   */
  async resolve(name: string, place: string, read: ReadBlob): Promise<Descriptor> {
    const { manifests } = this.#document;
    const digest = digestIn(name);
    if (digest !== undefined) return this.#byDigest(digest, name, place, read);

    const position = /^@([0-9]+)$/.exec(name)?.[1];
    const found =
      name === ""
        ? manifests.filter((entry) => !isAttestation(entry))
        : position !== undefined
          ? manifests.slice(Number(position), Number(position) + 1)
          : [matches(manifests, name), this.#besideCosigns(name)].find((some) => some.length > 0);
    const all = new Map(found?.map((entry) => [entry.digest, entry]));
    const distinct = name === "" && all.size > 1 ? await withoutReferrers(all, read) : all;
    const [only] = distinct.values();
    if (only === undefined)
      throw new OciError(
        "NOT_FOUND",
        `Cannot find ${name === "" ? "an image" : `"${name}"`} in ${place}: ${this.#listing()}`,
      );
    if (distinct.size > 1)
      throw new OciError("AMBIGUOUS", `Cannot choose an image in ${place}: ${this.#listing()}`, {
        hint: "Name one of them after the path, as in oci:DIR:NAME",
      });
    return withoutName(only);
  }

  /**
   * The listed manifests whose subject is `subject`, as a registry would list them. `cosign save` lists
   * none: where it marked what is listed, all documents that `unlisted` names are looked through.
   */
  async referrers(
    { digest }: Descriptor,
    read: ReadBlob,
    unlisted: () => Promise<readonly Digest[]>,
  ): Promise<readonly Descriptor[]> {
    const found = new Map<Digest, Descriptor>();
    for (const entry of this.#document.manifests) {
      if (!isDocumentType(entry.mediaType) || found.has(entry.digest)) continue;
      const bytes = await read(entry.digest);
      const referrer = bytes === undefined ? undefined : referrerIn(entry, bytes);
      if (referrer?.subject.digest === digest) found.set(entry.digest, referrer.descriptor);
    }
    if (this.#document.manifests.some(isCosignImage))
      for (const each of await unlisted()) {
        const referrer = found.has(each) ? undefined : await referrerAt(each, read);
        if (referrer?.subject.digest === digest) found.set(each, referrer.descriptor);
      }
    return [...found.values()];
  }

  /** What cosign would have at a tag such as `sha256-….sig`, in a layout where it marked the only image. */
  #besideCosigns(name: string): readonly Descriptor[] {
    const { subject, suffix } = parseCosignTag(name) ?? {};
    if (subject === undefined || (suffix !== "sig" && suffix !== "att")) return [];
    const { manifests } = this.#document;
    const images = new Set(manifests.filter(isCosignImage).map((entry) => entry.digest));
    if (images.size !== 1 || !images.has(subject)) return [];
    return manifests.filter((entry) => cosignKindOf(entry) === cosignKinds[suffix]);
  }

  async #byDigest(digest: Digest, name: string, place: string, read: ReadBlob): Promise<Descriptor> {
    const listed = this.#document.manifests.find((entry) => entry.digest === digest);
    if (listed !== undefined) return withoutName(listed);
    const bytes = await read(digest);
    if (bytes === undefined) throw new OciError("NOT_FOUND", `Cannot find "${name}" in ${place}`);
    const mediaType = detectMediaType(bytes) ?? "application/octet-stream";
    return { mediaType, digest, size: bytes.byteLength };
  }

  #listing(): string {
    const images = this.#document.manifests.filter((entry) => !hasCosignTag(entry));
    const named = images.flatMap((entry) => nameOf(entry) ?? []);
    const names = named.length > 0 ? named : images.map(({ digest }) => digest);
    if (names.length === 0) return "it holds none";
    return `it holds ${names.slice(0, 20).join(", ")}${names.length > 20 ? ", …" : ""}`;
  }
}

/** Signatures and the like are listed beside the image that they are about: who names nothing means the image. */
async function withoutReferrers(
  entries: ReadonlyMap<Digest, Descriptor>,
  read: ReadBlob,
): Promise<ReadonlyMap<Digest, Descriptor>> {
  const kept = new Map<Digest, Descriptor>();
  for (const [digest, entry] of entries) {
    const kind = cosignKindOf(entry);
    if (hasCosignTag(entry) || kind === cosignKinds.sig || kind === cosignKinds.att) continue;
    const bytes = isDocumentType(entry.mediaType) ? await read(digest) : undefined;
    if (bytes === undefined || referrerIn(entry, bytes) === undefined) kept.set(digest, entry);
  }
  return kept;
}

function isCosignImage(entry: Descriptor): boolean {
  const kind = cosignKindOf(entry);
  return kind === cosignKinds.image || kind === cosignKinds.index;
}

function cosignKindOf({ annotations }: Descriptor): string | undefined {
  return annotations?.[cosignKinds.annotation];
}

// What is not listed may be anything.
async function referrerAt(digest: Digest, read: ReadBlob): Promise<Referrer | undefined> {
  const bytes = await read(digest);
  const mediaType = bytes?.[0] === openingBrace ? detectMediaType(bytes) : undefined;
  if (bytes === undefined || mediaType === undefined || !isDocumentType(mediaType)) return undefined;
  return referrerIn({ mediaType, digest, size: bytes.byteLength }, bytes);
}

// What cannot be read refers to nothing, and keeps nobody from finding what does.
function referrerIn(entry: Descriptor, bytes: Uint8Array): Referrer | undefined {
  try {
    return referrerOf(entry, bytes);
  } catch (error) {
    if (error instanceof OciError) return undefined;
    throw error;
  }
}

const openingBrace = 0x7b;

function hasCosignTag(entry: Descriptor): boolean {
  return isCosignName(nameOf(entry) ?? "");
}

/** The name an entry of an index.json carries: the full reference if there is one, else the tag. */
export function nameOf({ annotations }: Descriptor): string | undefined {
  const name = [imageNameAnnotation, refNameAnnotation, besideAnnotation]
    .map((key) => annotations?.[key])
    .find((text) => text !== undefined && text !== "");
  if (name === undefined || name === "" || isTag(name)) return name === "" ? undefined : name;
  const reference = tryReference(name);
  return reference === undefined ? name : formatReference(withDefaultTag(reference));
}

/** The descriptor with the annotations that make every engine load it by `name`: a tag, or a reference with a tag or its own digest. */
function named(descriptor: Descriptor, name: string): Descriptor {
  const { annotations = {}, ...rest } = withoutName(descriptor);
  if (isTag(name)) return { ...rest, annotations: sortKeys({ ...annotations, [refNameAnnotation]: name }) };
  const reference = withDefaultTag(parseReference(name));
  const { registry, repository, tag, digest } = reference;
  if (digest !== undefined && digest !== descriptor.digest)
    throw new SyntaxError(
      `Cannot call ${descriptor.digest} ${JSON.stringify(name)}: that is the name of another image`,
    );
  const full = formatReference({
    registry,
    repository,
    ...(tag === undefined ? { digest: descriptor.digest } : { tag }),
  });
  return {
    ...rest,
    annotations: sortKeys({ ...annotations, [imageNameAnnotation]: full, [refNameAnnotation]: tag ?? full }),
  };
}

// Names belong to the store that gives them: the same content has others elsewhere.
function withoutName(descriptor: Descriptor): Descriptor {
  const { annotations, ...rest } = descriptor;
  if (annotations === undefined) return descriptor;
  const {
    [imageNameAnnotation]: _full,
    [refNameAnnotation]: _tag,
    [besideAnnotation]: _beside,
    ...others
  } = annotations;
  return Object.keys(others).length === 0 ? rest : { ...rest, annotations: others };
}

// The exact name first; then, for a bare tag, every entry with that tag. Of signatures, one that was
// written here has the bare tag, and comes before those that were brought along under a full name.
function matches(manifests: readonly Descriptor[], name: string): readonly Descriptor[] {
  const reference = tryReference(name);
  const full = reference === undefined ? undefined : formatReference(withDefaultTag(reference));
  const own = parseCosignTag(name) !== undefined ? manifests.filter((entry) => nameOf(entry) === name) : [];
  if (own.length > 0) return own;
  const exact = manifests.filter((entry) => nameOf(entry) === name || entry.annotations?.[refNameAnnotation] === name);
  if (exact.length > 0) return exact;
  const tagged = isTag(name) ? manifests.filter((entry) => nameOf(entry)?.endsWith(`:${name}`)) : [];
  if (tagged.length > 0) return tagged;
  return full === undefined ? [] : manifests.filter((entry) => nameOf(entry) === full);
}

function digestIn(name: string): Digest | undefined {
  const digest = name.slice(name.lastIndexOf("@") + 1);
  return isDigest(digest) ? digest : undefined;
}

function tryReference(text: string): Reference | undefined {
  try {
    return parseReference(text);
  } catch {
    return undefined;
  }
}
