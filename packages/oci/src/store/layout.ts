import { link, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Blob, Bytes, Options, ReferrerSource, Store } from "../content.ts";
import { type Descriptor, isDocumentType } from "../descriptor.ts";
import { type Digest, digestAlgorithm, Digester, digestHex, isDigest } from "../digest.ts";
import { parseLayoutMarker, usualLayoutMarker } from "../documents.ts";
import { OciError } from "../errors.ts";
import { hasCode, isMissing, readFileBytes, readSmallFile, writeFileBytes } from "./file-bytes.ts";
import { isTemporary, makeFolder, removeStale, temporaryPath } from "./folder.ts";
import { hasGraph } from "../graph.ts";
import { documentLimit } from "../json.ts";
import { knownOf, withKnown } from "../known-bytes.ts";
import { LayoutIndex } from "./layout-index.ts";
import { withLock } from "./lock.ts";
import { matches, verified } from "../verify.ts";

/**
 * An OCI image-layout directory (image-spec image-layout.md); see `Store`. Several processes may use
 * one at the same time: a blob appears whole by a rename, and index.json is changed under a lock.
 * `resolve` and `tag` take a tag (`1.2`) or a full reference (`ghcr.io/acme/app:1.2`), which
 * is what engines show after loading.
 */
export class LayoutStore implements Store, ReferrerSource {
  readonly directory: string;

  private constructor(directory: string) {
    this.directory = directory;
  }

  /** Opens a layout that is there. Throws OciError NOT_FOUND or INVALID_DOCUMENT. */
  static async open(directory: string): Promise<LayoutStore> {
    const store = new LayoutStore(directory);
    parseLayoutMarker(await store.#read("oci-layout"), join(directory, "oci-layout"));
    await store.#index();
    return store;
  }

  /** Opens a layout, or makes one in a folder that is not there yet or empty, but for what is named in `beside`. */
  static async create(directory: string, beside: readonly string[] = []): Promise<LayoutStore> {
    makeFolder(directory);
    const names = await readdir(directory);
    const store = new LayoutStore(directory);
    if (!names.includes("oci-layout")) {
      const other = names.find((name) => !layoutNames.has(name) && !beside.includes(name) && !isTemporary(name));
      if (other !== undefined)
        throw new OciError(
          "INVALID_ARCHIVE",
          `Cannot make an OCI layout in ${directory}: it holds "${other}" and no oci-layout`,
          {
            hint: "Name a folder that is empty or not there yet",
          },
        );
      await mkdir(join(directory, "blobs", "sha256"), { recursive: true });
      await store.#createOnce("index.json", LayoutIndex.empty().bytes());
      await store.#createOnce("oci-layout", usualLayoutMarker);
    }
    await removeStale(directory);
    return LayoutStore.open(directory);
  }

  async resolve(name: string): Promise<Descriptor> {
    const index = await this.#index();
    return index.resolve(name, this.directory, (digest) => this.#document(digest));
  }

  /** The entries of index.json, names in their annotations (`nameOf`). */
  async list(): Promise<readonly Descriptor[]> {
    return (await this.#index()).entries;
  }

  /** Of what index.json lists, and in a layout of cosign's of all there is: manifests that refer to `subject`. */
  async referrers(subject: Descriptor): Promise<readonly Descriptor[]> {
    return (await this.#index()).referrers(
      subject,
      (digest) => this.#document(digest),
      () => this.#smallBlobs(),
    );
  }

  blob(descriptor: Descriptor): Blob {
    const path = this.path(descriptor.digest);
    return {
      descriptor,
      // One byte more than promised is enough to tell that there are too many.
      open: (options) => verified(readFileBytes(path, { ...options, length: descriptor.size + 1 }), descriptor),
    };
  }

  /**
   * A blob that the caller itself put here and hashed while it did: its bytes count as verified, and
   * nobody hashes them again. Of all else ask `blob`.
   */
  ownBlob(descriptor: Descriptor): Blob {
    const path = this.path(descriptor.digest);
    return {
      descriptor,
      open(options) {
        const bytes = readFileBytes(path, { ...options, length: descriptor.size + 1 });
        return withKnown(bytes, { ...knownOf(bytes), checked: descriptor });
      },
    };
  }

  /** Where a blob lies, whether or not it is there. */
  path(digest: Digest): string {
    return join(this.directory, "blobs", digestAlgorithm(digest), digestHex(digest));
  }

  /** Of a manifest or index: whether all it leads to is here as well. */
  async has(descriptor: Descriptor): Promise<boolean> {
    return hasGraph(
      descriptor,
      ({ digest }) => this.#document(digest),
      (blob) => this.#hasBlob(blob),
    );
  }

  async push(blob: Blob, options?: Options): Promise<void> {
    const { descriptor } = blob;
    if (await this.#hasBlob(descriptor)) return;
    await this.#store(verified(blob.open(options), descriptor), () => descriptor.digest, options);
  }

  async write(bytes: Bytes, mediaType: string, options?: Options): Promise<Descriptor> {
    const digester = new Digester();
    async function* hashed(): AsyncGenerator<Uint8Array> {
      for await (const chunk of bytes) {
        digester.update(chunk);
        yield chunk;
      }
    }
    const digest = await this.#store(hashed(), () => digester.digest(), options);
    return { mediaType, digest, size: digester.size };
  }

  async tag(descriptor: Descriptor, name: string, options?: Options): Promise<void> {
    if (!(await this.#hasBlob(descriptor)))
      throw new OciError("NOT_FOUND", `Cannot tag ${descriptor.digest} as "${name}": it is not in ${this.directory}`);
    await this.#change((index) => index.withName(descriptor, name), options);
  }

  /** Lists content in index.json without a name, as builders do when no tag was asked for. */
  async keep(descriptor: Descriptor, options?: Options): Promise<void> {
    await this.#change((index) => index.withEntry(descriptor), options);
  }

  /** Adds annotations to every entry of index.json that lists the content. */
  async annotate(
    { digest }: Descriptor,
    annotations: Readonly<Record<string, string>>,
    options?: Options,
  ): Promise<void> {
    await this.#change((index) => index.withEntryAnnotations(digest, annotations), options);
  }

  /**
   * Takes a name back, or an entry without a name by its digest; what it named stays. `name` is as in
   * `nameOf`; one that is not there is fine.
   */
  async untag(name: string, options?: Options): Promise<void> {
    await this.#change((index) => index.without(name), options);
  }

  async #hasBlob(descriptor: Descriptor): Promise<boolean> {
    if (isDocumentType(descriptor.mediaType)) {
      const bytes = await this.#document(descriptor.digest);
      return bytes !== undefined && matches(bytes, descriptor);
    }
    try {
      const info = await stat(this.path(descriptor.digest));
      // A file of another size is damaged: pushing replaces it.
      return info.isFile() && info.size === descriptor.size;
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
  }

  async #change(change: (index: LayoutIndex) => LayoutIndex, options?: Options): Promise<void> {
    const path = join(this.directory, "index.json");
    await withLock(`${path}.lock`, options, async () => {
      const before = await this.#index();
      const after = change(before);
      if (after === before) return;
      const bytes = after.bytes();
      if (bytes.byteLength > documentLimit)
        throw new OciError(
          "LIMIT_EXCEEDED",
          `Cannot change ${path}: ${bytes.byteLength} bytes are more than ${documentLimit}`,
        );
      const temporary = temporaryPath(this.directory);
      await writeNew(temporary, bytes);
      await rename(temporary, path);
    });
  }

  async #store(bytes: Bytes, digestAtEnd: () => Digest, options?: Options): Promise<Digest> {
    const temporary = temporaryPath(this.directory);
    const handle = await open(temporary, "wx", 0o644);
    try {
      try {
        await writeFileBytes(handle, bytes, options);
      } finally {
        await handle.close();
      }
      const digest = digestAtEnd();
      const path = this.path(digest);
      await rename(temporary, path).catch(async (error: unknown) => {
        if (!isMissing(error)) throw error;
        await mkdir(join(this.directory, "blobs", digestAlgorithm(digest)), { recursive: true });
        await rename(temporary, path);
      });
      return digest;
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }

  async #index(): Promise<LayoutIndex> {
    return LayoutIndex.parse(await this.#read("index.json"), join(this.directory, "index.json"));
  }

  async #read(name: string): Promise<Uint8Array> {
    try {
      return await readSmallFile(join(this.directory, name));
    } catch (cause) {
      if (cause instanceof OciError && cause.code === "NOT_FOUND")
        throw new OciError("NOT_FOUND", `Cannot open the OCI layout ${this.directory}: it has no ${name}`, { cause });
      throw cause;
    }
  }

  async #document(digest: Digest): Promise<Uint8Array | undefined> {
    try {
      return await readSmallFile(this.path(digest));
    } catch (error) {
      // Not there, too large, or no regular file.
      if (error instanceof OciError) return undefined;
      throw error;
    }
  }

  async #smallBlobs(): Promise<readonly Digest[]> {
    const names = await readdir(join(this.directory, "blobs", "sha256"));
    const digests = names.map((name) => `sha256:${name}`).filter(isDigest);
    const small = await Promise.all(
      digests.map(async (digest) => (await stat(this.path(digest))).size <= documentLimit),
    );
    return digests.filter((_, index) => small[index]);
  }

  async #createOnce(name: string, bytes: Uint8Array): Promise<void> {
    const temporary = temporaryPath(this.directory);
    await writeNew(temporary, bytes);
    try {
      // Unlike a rename, a link never replaces what another process has just made.
      await link(temporary, join(this.directory, name));
    } catch (error) {
      if (!hasCode(error, "EEXIST")) throw error;
    } finally {
      await rm(temporary, { force: true });
    }
  }
}

const layoutNames = new Set(["blobs", "index.json", "index.json.lock"]);

async function writeNew(path: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(path, "wx", 0o644);
  try {
    await handle.writeFile(bytes);
  } finally {
    await handle.close();
  }
}
