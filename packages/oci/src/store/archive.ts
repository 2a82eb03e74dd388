import { ArchiveIndex, type ArchiveMember } from "./archive-index.ts";
import type { Blob, Options, ReferrerSource } from "../content.ts";
import type { Descriptor } from "../descriptor.ts";
import { type Digest, digestAlgorithm, digestHex, digestOf, isDigest } from "../digest.ts";
import { parseLayoutMarker } from "../documents.ts";
import { OciError } from "../errors.ts";
import { documentLimit } from "../json.ts";
import { LayoutIndex } from "./layout-index.ts";
import { verified } from "../verify.ts";

export interface OpenArchiveOptions extends Options {
  /** Files that make the archive when they follow each other; `file` is then how it is called. */
  readonly parts?: readonly string[] | undefined;
}

/** An OCI image layout in a tar, read in place: nothing is unpacked. See `Source`. */
export class OciArchive implements ReferrerSource {
  readonly file: string;
  /** Of its index.json, which leads to all else by digests. */
  readonly digest: Digest;
  readonly #archive: ArchiveIndex;
  readonly #index: LayoutIndex;

  private constructor(archive: ArchiveIndex, index: LayoutIndex, digest: Digest) {
    this.file = archive.file;
    this.digest = digest;
    this.#archive = archive;
    this.#index = index;
  }

  /** Throws OciError NOT_FOUND, INVALID_ARCHIVE, INVALID_DOCUMENT, UNSUPPORTED or LIMIT_EXCEEDED. */
  static async open(file: string, options: OpenArchiveOptions = {}): Promise<OciArchive> {
    const archive = await ArchiveIndex.open(file, options);
    const document = async (name: string): Promise<Uint8Array> => {
      const member = archive.regular(name);
      if (member !== undefined) return archive.document(member, options);
      const hint = archive.has("manifest.json") ? `It looks like docker save's: docker-archive:${file}` : undefined;
      throw new OciError(
        "INVALID_ARCHIVE",
        `Cannot read ${file} as an OCI archive: it has no ${name}`,
        hint === undefined ? {} : { hint },
      );
    };
    parseLayoutMarker(await document("oci-layout"), `oci-layout in ${file}`);
    const bytes = await document("index.json");
    return new OciArchive(archive, LayoutIndex.parse(bytes, `index.json in ${file}`), digestOf(bytes));
  }

  /** Of its index.json. */
  get annotations(): Readonly<Record<string, string>> {
    return this.#index.annotations;
  }

  /** The paths of its files. */
  paths(): readonly string[] {
    return [...this.#archive.paths()];
  }

  /** A file beside its blobs, whole; undefined when there is none. Throws OciError LIMIT_EXCEEDED over 4 MiB. */
  async read(path: string, options: Options = {}): Promise<Uint8Array | undefined> {
    const member = this.#archive.regular(path);
    return member === undefined ? undefined : await this.#archive.document(member, options);
  }

  /** Whether it has a blob of this digest, right or damaged. */
  holds(digest: Digest): boolean {
    return this.#member(digest) !== undefined;
  }

  async resolve(name: string, options: Options = {}): Promise<Descriptor> {
    return this.#index.resolve(name, this.file, (digest) => this.#document(digest, options));
  }

  async referrers(subject: Descriptor, options: Options = {}): Promise<readonly Descriptor[]> {
    return this.#index.referrers(
      subject,
      (digest) => this.#document(digest, options),
      async () => this.#archive.names().flatMap(digestOfBlob),
    );
  }

  /** The entries of index.json, names in their annotations (`nameOf`). */
  async list(): Promise<readonly Descriptor[]> {
    return this.#index.entries;
  }

  blob(descriptor: Descriptor): Blob {
    return { descriptor, open: (options) => verified(this.#readBlob(descriptor, options), descriptor) };
  }

  async *#readBlob(descriptor: Descriptor, options: Options = {}): AsyncGenerator<Uint8Array> {
    const member = this.#member(descriptor.digest);
    if (member === undefined) throw new OciError("NOT_FOUND", `Cannot find ${descriptor.digest} in ${this.file}`);
    // One byte more than promised is enough to tell that there are too many.
    yield* this.#archive.bytes(member, { ...options, length: descriptor.size + 1 });
  }

  async #document(digest: Digest, options: Options): Promise<Uint8Array | undefined> {
    const member = this.#member(digest);
    return member === undefined || member.size > documentLimit ? undefined : this.#archive.document(member, options);
  }

  #member(digest: Digest): ArchiveMember | undefined {
    return this.#archive.regular(`blobs/${digestAlgorithm(digest)}/${digestHex(digest)}`);
  }
}

function digestOfBlob(path: string): readonly Digest[] {
  const [, algorithm, hex] = /^blobs\/([^/]+)\/([^/]+)$/.exec(path) ?? [];
  const digest = `${algorithm}:${hex}`;
  return isDigest(digest) ? [digest] : [];
}
