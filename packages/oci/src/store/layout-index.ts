import { type Descriptor, isDocumentType, mediaTypes } from "../descriptor.ts";
import { type Digest, isDigest } from "../digest.ts";
import { detectMediaType, type Index, parseIndex } from "../documents.ts";
import { OciError } from "../errors.ts";
import { jsonBytes, sortKeys } from "../json.ts";
import { isAttestation } from "../platform.ts";
import { referrerOf } from "../referrer.ts";
import { formatReference, isTag, parseReference, type Reference, withDefaultTag } from "../reference.ts";

/** The annotation engines read an image's name from: containerd, podman and Docker take the full reference here. */
const imageNameAnnotation = "io.containerd.image.name";
/** The annotation of image-spec annotations.md: a tag, as skopeo and umoci use it. */
const refNameAnnotation = "org.opencontainers.image.ref.name";

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
    return new LayoutIndex(parseIndex(bytes, undefined, what));
  }

  get entries(): readonly Descriptor[] {
    return this.#document.manifests;
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

  /** With `descriptor` listed, named or not. */
  withEntry(descriptor: Descriptor): LayoutIndex {
    const { manifests } = this.#document;
    if (manifests.some(({ digest }) => digest === descriptor.digest)) return this;
    return new LayoutIndex({ ...this.#document, manifests: [...manifests, descriptor] });
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
          : matches(manifests, name);
    const all = new Map(found.map((entry) => [entry.digest, entry]));
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

  /** The listed manifests whose subject is `subject`, as a registry would list them. */
  async referrers(
    { digest }: Descriptor,
    read: (document: Descriptor) => Promise<Uint8Array | undefined>,
  ): Promise<readonly Descriptor[]> {
    const found = new Map<Digest, Descriptor>();
    for (const entry of this.#document.manifests) {
      if (!isDocumentType(entry.mediaType) || found.has(entry.digest)) continue;
      const bytes = await read(entry);
      const referrer = bytes === undefined ? undefined : referrerOf(entry, bytes);
      if (referrer?.subject.digest === digest) found.set(entry.digest, referrer.descriptor);
    }
    return [...found.values()];
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
    const names = this.#document.manifests.map((entry) => nameOf(entry) ?? entry.digest);
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
    if (/^sha(?:256|512)-[0-9a-f]+\.(?:sig|att|sbom)$/.test(entry.annotations?.[refNameAnnotation] ?? "")) continue;
    const bytes = isDocumentType(entry.mediaType) ? await read(digest) : undefined;
    if (bytes === undefined || referrerOf(entry, bytes) === undefined) kept.set(digest, entry);
  }
  return kept;
}

/** The name an entry of an index.json carries: the full reference if there is one, else the tag. */
export function nameOf({ annotations }: Descriptor): string | undefined {
  const full = annotations?.[imageNameAnnotation];
  const name = full === undefined || full === "" ? annotations?.[refNameAnnotation] : full;
  if (name === undefined || name === "" || isTag(name)) return name === "" ? undefined : name;
  const reference = tryReference(name);
  return reference === undefined ? name : formatReference(withDefaultTag(reference));
}

/** The descriptor with the annotations that make every engine load it by `name`: a tag, or a reference. */
function named(descriptor: Descriptor, name: string): Descriptor {
  const { annotations = {}, ...rest } = withoutName(descriptor);
  if (isTag(name)) return { ...rest, annotations: sortKeys({ ...annotations, [refNameAnnotation]: name }) };
  const reference = withDefaultTag(parseReference(name));
  if (reference.tag === undefined)
    throw new SyntaxError(`Cannot tag as ${JSON.stringify(name)}: a name with a digest names one image for good`);
  const { registry, repository, tag } = reference;
  const full = formatReference({ registry, repository, tag });
  return {
    ...rest,
    annotations: sortKeys({ ...annotations, [imageNameAnnotation]: full, [refNameAnnotation]: tag }),
  };
}

// Names belong to the store that gives them: the same content has others elsewhere.
function withoutName(descriptor: Descriptor): Descriptor {
  const { annotations, ...rest } = descriptor;
  if (annotations === undefined) return descriptor;
  const { [imageNameAnnotation]: _full, [refNameAnnotation]: _tag, ...others } = annotations;
  return Object.keys(others).length === 0 ? rest : { ...rest, annotations: others };
}

// The exact name first; then, for a bare tag, every entry with that tag.
function matches(manifests: readonly Descriptor[], name: string): readonly Descriptor[] {
  const reference = tryReference(name);
  const full = reference === undefined ? undefined : formatReference(withDefaultTag(reference));
  const exact = manifests.filter((entry) => nameOf(entry) === name || entry.annotations?.[refNameAnnotation] === name);
  if (exact.length > 0) return exact;
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
