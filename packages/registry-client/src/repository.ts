import {
  type Blob,
  type Bytes,
  type Descriptor,
  isDigest,
  isDocumentType,
  isIndexType,
  OciError,
  type Options,
  parseIndex,
  parseReference,
  readBlob,
  type Reference,
  type ReferrerSource,
  referrerOf,
  type Sink,
  tapBlob,
  verified,
} from "@lading/oci";
import type { RegistryClientOptions } from "./client.ts";
import { RegistryError } from "./errors.ts";
import { deleteManifest } from "./repository/deletion.ts";
import { DocumentCache } from "./repository/document-cache.ts";
import { downloadBlob, hasBlob, inlineBytes } from "./repository/download.ts";
import { missingContent, WrongContentError } from "./repository/failures.ts";
import { hasManifest, readManifest, resolveManifest } from "./repository/manifests.ts";
import { putManifest } from "./repository/put-manifest.ts";
import { hasReferrersApi, listReferrers, type ReferrersOptions } from "./repository/referrers.ts";
import { updateReferrersTag, withReferrer } from "./repository/referrers-tag.ts";
import { describe, parseTagOrDigest, pushing, type RemoteRepository } from "./repository/remote.ts";
import { SharedWork } from "./repository/shared-work.ts";
import { listTags } from "./repository/tags.ts";
import { uploadBlob } from "./repository/upload.ts";

export interface RepositoryOptions {
  /** Registry and repository, as people name them. */
  readonly name: Reference;
  /** Where it is. */
  readonly primary: RemoteRepository;
  /** Read from first, in this order; never written to. */
  readonly mirrors?: readonly RemoteRepository[];
  /** Read from in place of the primary, where configuration has moved it. */
  readonly location?: RemoteRepository;
}

export interface DeleteOptions extends Options {
  /** Deletes the manifest that a tag names, and so every tag of it. Default: the tag alone. */
  readonly manifest?: boolean;
}

/**
 * A repository of a registry, as a source and a sink (distribution-spec). Content is verified on the
 * way in and out. What is not there is OciError NOT_FOUND; every other failure of the registry is a
 * RegistryError.
 */
export class Repository implements ReferrerSource, Sink, AsyncDisposable {
  readonly name: Reference;
  readonly #primary: RemoteRepository;
  readonly #location: RemoteRepository;
  readonly #readable: readonly RemoteRepository[];
  readonly #documents = new DocumentCache();
  readonly #uploads = new SharedWork();
  readonly #lists = new SharedWork();
  #owned: AsyncDisposable | undefined;

  constructor({ name, primary, mirrors = [], location = primary }: RepositoryOptions) {
    this.name = name;
    this.#primary = primary;
    this.#location = location;
    this.#readable = [...mirrors, location];
  }

  /**
   * The repository of a name (`ghcr.io/acme/app`), with a client of its own; close it when done
   * (`await using`). Programs that talk to several share a `RegistryClient`. Throws SyntaxError.
   */
  static async at(name: string, options: RegistryClientOptions = {}): Promise<Repository> {
    const reference = parseReference(name);
    // Each of the two modules makes what the other defines.
    const { RegistryClient } = await import("./client.ts");
    const client = await RegistryClient.open(options);
    const repository = client.repository(reference);
    repository.#owned = { [Symbol.asyncDispose]: () => client.close() };
    return repository;
  }

  /** Ends the connections of a repository from `at`; others are their client's. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned?.[Symbol.asyncDispose]();
  }

  /** What a tag, a digest or "" (`latest`) names. Asks by HEAD, which Docker Hub does not count. */
  async resolve(name: string, options: Options = {}): Promise<Descriptor> {
    const tagOrDigest = parseTagOrDigest(name === "" ? "latest" : name);
    return this.#read(tagOrDigest, options, async (remote) => {
      const { descriptor, document } = await resolveManifest(remote, tagOrDigest, options);
      if (document !== undefined) this.#documents.set(descriptor.digest, document.bytes);
      return descriptor;
    });
  }

  blob(descriptor: Descriptor): Blob {
    const origin = { registry: this.name.registry, repository: this.#primary.repository };
    // A mirror that sent something else is not asked for this again.
    let readable = this.#readable;
    const onError = (error: unknown): unknown => {
      if (error instanceof WrongContentError) readable = readable.slice(-1);
      const advice = "The registry has a part of the image only: push it there again";
      return missingContent(error, describe(this.#primary, descriptor.digest), advice);
    };
    const open = (options: Options = {}): Bytes =>
      isDocumentType(descriptor.mediaType) || this.#documents.get(descriptor.digest) !== undefined
        ? verified(this.#openDocument(descriptor, readable, options), descriptor)
        : downloadBlob(readable, descriptor, options);
    return tapBlob({ descriptor, origin, open }, { onError });
  }

  /** Whether the registry itself has it; of an index, its manifests as well: some registries take one without. */
  async has(descriptor: Descriptor, options: Options = {}): Promise<boolean> {
    const asked = { ...options, scopes: pushing(this.#primary) };
    if (!isDocumentType(descriptor.mediaType)) return hasBlob(this.#primary, descriptor, asked);
    if (!(await hasManifest(this.#primary, descriptor, asked))) return false;
    if (!isIndexType(descriptor.mediaType)) return true;
    const bytes = await this.#document(descriptor, [this.#primary], asked);
    const { manifests } = parseIndex(bytes, descriptor.mediaType, `index ${descriptor.digest}`);
    for (const child of manifests)
      if (isDocumentType(child.mediaType) && !(await this.has(child, options))) return false;
    return true;
  }

  /**
   * Uploads a blob, mounting it where it lies in the same registry; or stores a document, which is
   * listed as a referrer of its `subject` where the registry does not do so by itself. Does not ask
   * whether it is there: see `has`.
   */
  async push(blob: Blob, options: Options = {}): Promise<void> {
    const { descriptor } = blob;
    if (isDocumentType(descriptor.mediaType)) return this.#pushDocument(blob, options);
    await this.#uploads.run(descriptor.digest, () => uploadBlob(this.#primary, blob, options), options);
  }

  async tag(descriptor: Descriptor, name: string, options: Options = {}): Promise<void> {
    const tag = parseTagOrDigest(name);
    if (isDigest(tag)) throw new SyntaxError(`Cannot tag as ${tag}: it is a digest`);
    try {
      const asked = { ...options, scopes: pushing(this.#primary) };
      const bytes = await this.#document(descriptor, [this.#primary], asked);
      await putManifest(this.#primary, { mediaType: descriptor.mediaType, bytes }, tag, options);
    } catch (error) {
      throw missingContent(error, describe(this.#primary, descriptor.digest));
    }
  }

  /** All tags, in the registry's order, read page by page. */
  tags(options: Options = {}): AsyncIterable<string> {
    return listTags(this.#location, options);
  }

  /** See `ReferrerSource`. */
  async referrers(subject: Descriptor, options: ReferrersOptions = {}): Promise<readonly Descriptor[]> {
    parseTagOrDigest(subject.digest);
    return listReferrers(this.#location, subject, options);
  }

  /**
   * Deletes a tag or, by its digest, a manifest with all its tags. Throws OciError NOT_FOUND,
   * RegistryError UNSUPPORTED where the registry deletes no tags (docker-registry 2), or nothing.
   */
  async delete(tagOrDigest: string, options: DeleteOptions = {}): Promise<void> {
    const name = parseTagOrDigest(tagOrDigest);
    if (options.manifest !== true || isDigest(name)) return this.#delete(name, options);
    try {
      const { descriptor } = await resolveManifest(this.#primary, name, options);
      await this.#delete(descriptor.digest, options);
    } catch (error) {
      throw missingContent(error, describe(this.#primary, name));
    }
  }

  async #delete(name: string, options: Options): Promise<void> {
    if (isDigest(name)) this.#documents.delete(name);
    await deleteManifest(this.#primary, name, options);
  }

  async #pushDocument(blob: Blob, options: Options): Promise<void> {
    const { descriptor } = blob;
    const bytes = await readBlob(blob, options);
    await putManifest(this.#primary, { mediaType: descriptor.mediaType, bytes }, descriptor.digest, options);
    this.#documents.set(descriptor.digest, bytes);
    const referrer = referrerOf(descriptor, bytes);
    if (referrer === undefined || (await hasReferrersApi(this.#primary, referrer.subject, options))) return;
    const { subject, descriptor: entry } = referrer;
    await this.#lists.inTurn(subject.digest, () =>
      updateReferrersTag(this.#primary, subject, (entries) => withReferrer(entries, entry), options),
    );
  }

  async *#openDocument(
    descriptor: Descriptor,
    readable: readonly RemoteRepository[],
    options: Options,
  ): AsyncGenerator<Uint8Array> {
    yield await this.#document(descriptor, readable, options);
  }

  async #document(
    descriptor: Descriptor,
    readable: readonly RemoteRepository[],
    options: Parameters<typeof readManifest>[2],
  ): Promise<Uint8Array> {
    const known = this.#documents.get(descriptor.digest) ?? inlineBytes(descriptor);
    if (known !== undefined) return known;
    const { bytes } = await firstOf(readable, options, (remote) =>
      readManifest(remote, descriptor.digest, { ...options, expected: descriptor }),
    );
    this.#documents.set(descriptor.digest, bytes);
    return bytes;
  }

  async #read<T>(what: string, options: Options, read: (remote: RemoteRepository) => Promise<T>): Promise<T> {
    try {
      return await firstOf(this.#readable, options, read);
    } catch (error) {
      const list = `lading tags ${describe(this.#primary)}`;
      throw missingContent(error, describe(this.#primary, what), `Check the name; "${list}" lists what there is`);
    }
  }
}

/** What the first that can says; what the last one fails with. A mirror may fail in any way. */
async function firstOf<T>(
  remotes: readonly RemoteRepository[],
  { signal }: Options = {},
  read: (remote: RemoteRepository) => Promise<T>,
): Promise<T> {
  let failure: unknown;
  for (const remote of remotes)
    try {
      return await read(remote);
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof RegistryError) && !(error instanceof OciError)) throw error;
      failure = error;
    }
  throw failure;
}
