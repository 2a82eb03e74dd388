import {
  type Bytes,
  type Descriptor,
  digestAlgorithm,
  digestHex,
  encodeTarHeader,
  type Image,
  jsonBytes,
  type Layer,
  type Options,
  type Source,
  tarTrailerSize,
} from "@lading/oci";

export interface ImageArchiveOptions extends Options {
  /** Full references, for Docker: it takes them from its own manifest.json or from containerd's annotation. Default: none. */
  readonly names?: readonly string[] | undefined;
}

/**
 * An OCI archive of an image that is made while it is read, with these of its layers: whoever takes
 * it must have the others. Reading fails as the source's blobs do.
 */
export async function* imageArchive(
  source: Source,
  { descriptor, manifest }: Image,
  layers: readonly Layer[],
  { names, ...options }: ImageArchiveOptions = {},
): AsyncGenerator<Uint8Array> {
  const { mediaType, digest, size } = descriptor;
  const entry = { mediaType, digest, size };
  const named = (names ?? []).map((name) => ({
    mediaType,
    digest,
    size,
    annotations: { "io.containerd.image.name": name },
  }));
  const index = { schemaVersion: 2, manifests: named.length === 0 ? [entry] : named };
  yield* document("oci-layout", { imageLayoutVersion: "1.0.0" });
  yield* document("index.json", index);
  if (names !== undefined)
    yield* document("manifest.json", [
      { Config: blobPath(manifest.config), RepoTags: names, Layers: manifest.layers.map(blobPath) },
    ]);
  yield* folder("blobs");
  const algorithms = new Set(
    [descriptor, manifest.config, ...manifest.layers].map((each) => digestAlgorithm(each.digest)),
  );
  for (const algorithm of algorithms) yield* folder(`blobs/${algorithm}`);
  const written = new Set<string>();
  for (const blob of [source.blob(descriptor), source.blob(manifest.config), ...layers]) {
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
