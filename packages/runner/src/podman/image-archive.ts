import {
  type Bytes,
  type Descriptor,
  digestAlgorithm,
  digestHex,
  encodeTarHeader,
  type Image,
  jsonBytes,
  type Layer,
  nameAnnotations,
  type Options,
  type Source,
  tarTrailerSize,
} from "@lading/oci";

export interface ImageArchiveOptions extends Options {
  /** Full references, for Docker: it takes them from its own manifest.json or from containerd's annotation. Default: none. */
  readonly names?: readonly string[] | undefined;
  /** A name with a digest; of an index, that has it then, and the image is all that is there of it. Default: none. */
  readonly called?: { readonly name: string; readonly index?: Descriptor | undefined } | undefined;
}

/**
 * An OCI archive of an image that is made while it is read, with these of its layers: whoever takes
 * it must have the others. Reading fails as the source's blobs do.
 */
export async function* imageArchive(
  source: Source,
  { descriptor, manifest }: Image,
  layers: readonly Layer[],
  { names, called, ...options }: ImageArchiveOptions = {},
): AsyncGenerator<Uint8Array> {
  const { mediaType, digest, size } = called?.index ?? descriptor;
  const named = (names ?? (called === undefined ? [] : [called.name])).map((name) => ({
    mediaType,
    digest,
    size,
    annotations: { [nameAnnotations.image]: name },
  }));
  yield* document("oci-layout", { imageLayoutVersion: "1.0.0" });
  yield* document("index.json", {
    schemaVersion: 2,
    manifests: named.length === 0 ? [{ mediaType, digest, size }] : named,
  });
  if (names !== undefined)
    yield* document("manifest.json", [
      { Config: blobPath(manifest.config), RepoTags: names, Layers: manifest.layers.map(blobPath) },
    ]);
  yield* folder("blobs");
  const documents = [...(called?.index === undefined ? [] : [called.index]), descriptor, manifest.config];
  const algorithms = new Set([...documents, ...manifest.layers].map((each) => digestAlgorithm(each.digest)));
  for (const algorithm of algorithms) yield* folder(`blobs/${algorithm}`);
  const written = new Set<string>();
  for (const blob of [...documents.map((each) => source.blob(each)), ...layers]) {
    // Equal layers are one file.
    if (written.has(blob.descriptor.digest)) continue;
    written.add(blob.descriptor.digest);
    yield* file(blobPath(blob.descriptor), blob.descriptor.size, blob.open(options));
  }
  yield new Uint8Array(tarTrailerSize);
}

const common = { uid: 0, gid: 0, mtime: 0 };

async function* folder(path: string): AsyncGenerator<Uint8Array> {
  yield encodeTarHeader({ ...common, path, type: "directory", mode: 0o755 });
}

async function* document(path: string, value: object): AsyncGenerator<Uint8Array> {
  const bytes = jsonBytes(value);
  yield* file(path, bytes.byteLength, [bytes]);
}

async function* file(path: string, size: number, bytes: Bytes | Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield encodeTarHeader({ ...common, path, type: "file", mode: 0o644, size });
  for await (const chunk of bytes) yield chunk;
  yield new Uint8Array((512 - (size % 512)) % 512);
}

function blobPath({ digest }: Descriptor): string {
  return `blobs/${digestAlgorithm(digest)}/${digestHex(digest)}`;
}
