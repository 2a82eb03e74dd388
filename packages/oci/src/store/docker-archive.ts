import { ArchiveIndex, type ArchiveMember, cleanPath } from "./archive-index.ts";
import type { Blob, Options, Source } from "../content.ts";
import { sniffCompression, sniffLength } from "../layer/decompress.ts";
import { type Descriptor, mediaTypes } from "../descriptor.ts";
import { type Digest, digestAlgorithm, Digester, digestOf, isDigest } from "../digest.ts";
import { type DockerArchiveEntry, parseConfig, parseDockerArchive } from "../documents.ts";
import { OciError } from "../errors.ts";
import { jsonBytes } from "../json.ts";
import { unpack } from "../layer/layer-bytes.ts";
import { formatReference, parseReference, withDefaultTag } from "../reference.ts";
import { verified } from "../verify.ts";

interface OpenedImage {
  readonly descriptor: Descriptor;
  readonly manifest: Uint8Array;
  readonly config: { readonly digest: Digest; readonly bytes: Uint8Array };
  readonly layers: ReadonlyMap<Digest, ArchiveMember>;
}

/**
 * What `docker save` and `podman save` write, read in place; see `Source`. Such an archive has no
 * manifest: one is made of its config and layers, the same each time. A layer that is compressed is
 * read once when its image is resolved, to learn its digest and to hold it against its diffID.
 */
export class DockerArchive implements Source {
  readonly file: string;
  readonly #archive: ArchiveIndex;
  readonly #entries: readonly DockerArchiveEntry[];
  readonly #images = new Map<number, Promise<OpenedImage>>();

  private constructor(archive: ArchiveIndex, entries: readonly DockerArchiveEntry[]) {
    this.file = archive.file;
    this.#archive = archive;
    this.#entries = entries;
  }

  /** Throws OciError NOT_FOUND, INVALID_ARCHIVE, INVALID_DOCUMENT, UNSUPPORTED or LIMIT_EXCEEDED. */
  static async open(file: string, options: Options = {}): Promise<DockerArchive> {
    const archive = await ArchiveIndex.open(file, options);
    const member = archive.regular("manifest.json");
    if (member === undefined) {
      const hint = archive.has("index.json") ? `It looks like an OCI archive: oci-archive:${file}` : undefined;
      throw new OciError(
        "INVALID_ARCHIVE",
        `Cannot read ${file} as a docker-archive: it has no manifest.json`,
        hint === undefined ? {} : { hint },
      );
    }
    const entries = parseDockerArchive(await archive.document(member, options), `manifest.json in ${file}`);
    return new DockerArchive(archive, entries);
  }

  /** The names of each image, in the order of manifest.json. What is not a reference is no name. */
  names(): readonly (readonly string[])[] {
    return this.#entries.map(namesOf);
  }

  /** `name`: a reference, `@N` for the N-th image, a digest that was resolved before, or "" for the only image. */
  async resolve(name: string, options: Options = {}): Promise<Descriptor> {
    if (isDigest(name)) {
      for await (const image of this.#all(options)) if (image.descriptor.digest === name) return image.descriptor;
      throw this.#notFound(name);
    }
    return (await this.#image(this.#position(name), options)).descriptor;
  }

  blob(descriptor: Descriptor): Blob {
    return { descriptor, open: (options) => verified(this.#read(descriptor, options), descriptor) };
  }

  #position(name: string): number {
    const positions = [...this.#entries.keys()];
    const wanted = name === "" || name.startsWith("@") ? name : formatReference(withDefaultTag(parseReference(name)));
    const found =
      name === "" ? positions : positions.filter((i) => name === `@${i}` || namesOf(this.#entries[i]).includes(wanted));
    const [only] = found;
    if (only === undefined) throw this.#notFound(name);
    if (found.length > 1)
      throw new OciError("AMBIGUOUS", `Cannot choose an image in ${this.file}: ${this.#listing()}`, {
        hint: `Name one after the path, as in docker-archive:${this.file}:@0 for the first`,
      });
    return only;
  }

  #notFound(name: string): OciError {
    const what = name === "" ? "an image" : `"${name}"`;
    return new OciError("NOT_FOUND", `Cannot find ${what} in ${this.file}: ${this.#listing()}`);
  }

  #listing(): string {
    const names = this.#entries.map((entry, i) => namesOf(entry)[0] ?? `@${i}`);
    if (names.length === 0) return "it holds none";
    return `it holds ${names.slice(0, 20).join(", ")}${names.length > 20 ? ", …" : ""}`;
  }

  async *#read(descriptor: Descriptor, options: Options = {}): AsyncGenerator<Uint8Array> {
    const { digest } = descriptor;
    for await (const image of this.#all(options)) {
      const layer = image.layers.get(digest);
      if (layer !== undefined) return yield* this.#archive.bytes(layer, { ...options, length: descriptor.size + 1 });
      if (image.descriptor.digest === digest) return yield image.manifest;
      if (image.config.digest === digest) return yield image.config.bytes;
    }
    throw new OciError("NOT_FOUND", `Cannot find ${digest} in ${this.file}`);
  }

  async *#all(options: Options): AsyncGenerator<OpenedImage> {
    // Those already open first: what was resolved is what will be read.
    const open = [...this.#images.keys()];
    for (const i of open) yield await this.#image(i, options);
    for (const i of this.#entries.keys()) if (!open.includes(i)) yield await this.#image(i, options);
  }

  #image(position: number, options: Options): Promise<OpenedImage> {
    const known = this.#images.get(position);
    if (known !== undefined) return known;
    const image = this.#open(position, options);
    this.#images.set(position, image);
    // A failure, be it an abort, is for whoever asked; the next one tries again.
    image.catch(() => this.#images.delete(position));
    return image;
  }

  async #open(position: number, options: Options): Promise<OpenedImage> {
    const entry = this.#entries[position];
    if (entry === undefined) throw this.#notFound(`@${position}`);
    const bytes = await this.#archive.document(this.#member(entry.Config, "config"), options);
    const { rootfs } = parseConfig(bytes, `${entry.Config} in ${this.file}`);
    if (rootfs.diff_ids.length !== entry.Layers.length)
      throw new OciError(
        "INVALID_DOCUMENT",
        `Cannot read ${this.file}: ${entry.Layers.length} layers in manifest.json, ${rootfs.diff_ids.length} diffIDs in the config`,
      );
    const layers = new Map<Digest, ArchiveMember>();
    const descriptors: Descriptor[] = [];
    for (const [i, diffId] of rootfs.diff_ids.entries()) {
      const member = this.#member(entry.Layers[i] ?? "", "layer");
      const descriptor = await this.#describe(member, diffId, options);
      layers.set(descriptor.digest, member);
      descriptors.push(descriptor);
    }
    const config = { digest: digestOf(bytes), bytes };
    const manifest = jsonBytes({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: { mediaType: mediaTypes.ociConfig, digest: config.digest, size: bytes.byteLength },
      layers: descriptors,
    });
    const descriptor = {
      mediaType: mediaTypes.ociManifest,
      digest: digestOf(manifest),
      size: manifest.byteLength,
    };
    return { descriptor, manifest, config, layers };
  }

  #member(path: string, what: string): ArchiveMember {
    const clean = path.split("/").includes("..") ? undefined : cleanPath(path);
    const member = clean === undefined ? undefined : this.#archive.shared(clean);
    if (member !== undefined) return member;
    throw new OciError(
      "INVALID_ARCHIVE",
      `Cannot read ${this.file}: the ${what} ${JSON.stringify(path)} that manifest.json names is not in it`,
    );
  }

  async #describe(member: ArchiveMember, diffId: Digest, options: Options): Promise<Descriptor> {
    const head: Uint8Array[] = [];
    for await (const chunk of this.#archive.bytes(member, { ...options, length: sniffLength })) head.push(chunk);
    const compression = sniffCompression(Buffer.concat(head));
    // A plain layer is addressed by its diffID, which reading verifies.
    if (compression === "none") return { mediaType: mediaTypes.ociLayer, digest: diffId, size: member.size };
    if (compression !== "gzip" && compression !== "zstd")
      throw new OciError("UNSUPPORTED", `Cannot read ${member.path} in ${this.file}: a layer in ${compression}`);

    const digester = new Digester();
    const bytes = this.#archive.bytes(member, options);
    async function* hashed(): AsyncGenerator<Uint8Array> {
      for await (const chunk of bytes) {
        digester.update(chunk);
        yield chunk;
      }
    }
    const unpacked = new Digester(digestAlgorithm(diffId));
    const what = `${member.path} in ${this.file}`;
    for await (const chunk of unpack(hashed(), what, member.size, options)) unpacked.update(chunk);
    const actual = unpacked.digest();
    if (actual !== diffId)
      throw new OciError("DIFFID_MISMATCH", `Cannot read ${what}: it unpacks to ${actual}, the config names ${diffId}`);
    const mediaType = compression === "gzip" ? mediaTypes.ociLayerGzip : mediaTypes.ociLayerZstd;
    return { mediaType, digest: digester.digest(), size: member.size };
  }
}

function namesOf(entry: DockerArchiveEntry | undefined): readonly string[] {
  return (entry?.RepoTags ?? []).flatMap((tag) => {
    try {
      return [formatReference(withDefaultTag(parseReference(tag)))];
    } catch {
      return [];
    }
  });
}
