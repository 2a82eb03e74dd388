import type { Blob, Options, Source, Store } from "./content.ts";
import { type Descriptor, isDocumentType, isIndexType, isManifestType, mediaTypes } from "./descriptor.ts";
import type { Digest } from "./digest.ts";
import { parseConfig, parseIndex, parseManifest, type Manifest } from "./documents.ts";
import { OciError } from "./errors.ts";
import { type ImageConfig, orderConfig } from "./image-config.ts";
import { documentLimit, jsonBytes, sortKeys } from "./json.ts";
import {
  formatPlatform,
  hostPlatform,
  isAttestation,
  normalizePlatform,
  type Platform,
  platformDistance,
  selectPlatform,
} from "./platform.ts";
import { readBlob } from "./verify.ts";

/** A layer: its bytes as they are stored, and the digest of the tar they unpack to. */
export interface Layer extends Blob {
  readonly diffId: Digest;
}

/** An image that exists: documents are plain data, only layer bytes are lazy. */
export interface Image {
  /** Of the manifest, never of an index. */
  readonly descriptor: Descriptor;
  readonly manifest: Manifest;
  readonly config: ImageConfig;
  readonly platform: Platform;
  readonly layers: readonly Layer[];
}

/** An image with no address yet. */
export interface ImageDraft {
  /** `rootfs` is made from the layers. */
  readonly config: Omit<ImageConfig, "rootfs">;
  readonly layers: readonly Layer[];
  /** Of the manifest. */
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface OpenImageOptions extends Options {
  /** Which image of an index; the host's when not given. An image that stands alone is taken as it is when not given. */
  readonly platform?: Platform | undefined;
}

// Deeper than any real index; stops one that nests for its own sake.
const maxIndexes = 8;

/**
 * Opens the image `name` names, out of an index the one for the platform. Attestations are passed
 * over. Throws OciError NOT_FOUND, which lists the platforms there are, or INVALID_DOCUMENT when
 * manifest and config do not fit together.
 */
export async function openImage(
  source: Source,
  name: string | Descriptor,
  options: OpenImageOptions = {},
): Promise<Image> {
  const root = typeof name === "string" ? await source.resolve(name, options) : name;
  const image = await openAt(source, root, options, 0, new Set());
  const { platform } = options;
  if (platform !== undefined && platformDistance(platform, image.platform) === undefined)
    throw noSuchPlatform(platform, root, [image.platform]);
  return image;
}

/** The images of an index, attestations left out, or the one image a manifest is. */
export async function listImages(
  source: Source,
  root: Descriptor,
  options: Options = {},
): Promise<readonly Descriptor[]> {
  if (!isIndexType(root.mediaType)) return [root];
  const { manifests } = parseIndex(await readBlob(source.blob(root), options), root.mediaType, `index ${root.digest}`);
  return manifests.filter((entry) => isManifestType(entry.mediaType) && !isAttestation(entry));
}

/**
 * Writes config and manifest, OCI ones whatever the base was; layers are in the store already, or
 * where a copy will find them. Throws OciError INVALID_DOCUMENT without layers: the image-spec asks for one.
 */
export async function writeImage(store: Store, draft: ImageDraft, options: Options = {}): Promise<Image> {
  const { layers, annotations } = draft;
  if (layers.length === 0)
    throw new OciError("INVALID_DOCUMENT", "Cannot write an image without layers", {
      hint: "Add a file: engines refuse a manifest whose list of layers is empty",
    });
  const config = orderConfig({
    ...draft.config,
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
  });
  const configDescriptor = await store.write(
    once(withinLimit(jsonBytes(config), "image config")),
    mediaTypes.ociConfig,
    options,
  );
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: configDescriptor,
    layers: layers.map(({ descriptor }) => ociLayer(descriptor)),
    ...(annotations === undefined || Object.keys(annotations).length === 0
      ? {}
      : { annotations: sortKeys(annotations) }),
  };
  const descriptor = await store.write(
    once(withinLimit(jsonBytes(manifest), "manifest")),
    mediaTypes.ociManifest,
    options,
  );
  return { descriptor, manifest, config, platform: platformOf(config), layers };
}

/** Writes an index of images, in the order given, each platform once; annotations are the index's. */
export async function writeIndex(
  store: Store,
  images: readonly Image[],
  options: Options & { readonly annotations?: Readonly<Record<string, string>> } = {},
): Promise<Descriptor> {
  const { annotations } = options;
  const seen = new Set<string>();
  for (const { platform } of images) {
    const key = formatPlatform(platform);
    if (seen.has(key)) throw new OciError("AMBIGUOUS", `Cannot write an index: two images are for ${key}`);
    seen.add(key);
  }
  const index = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociIndex,
    manifests: images.map(({ descriptor: { mediaType, digest, size }, platform }) => ({
      mediaType,
      digest,
      size,
      platform,
    })),
    ...(annotations === undefined || Object.keys(annotations).length === 0
      ? {}
      : { annotations: sortKeys(annotations) }),
  };
  return store.write(once(withinLimit(jsonBytes(index), "index")), mediaTypes.ociIndex, options);
}

async function openAt(
  source: Source,
  root: Descriptor,
  options: OpenImageOptions,
  depth: number,
  opened: Set<Digest>,
): Promise<Image> {
  if (isManifestType(root.mediaType)) return openManifest(source, root, options);
  if (!isIndexType(root.mediaType))
    throw new OciError("UNSUPPORTED", `Cannot open ${root.digest} as an image: it is "${root.mediaType}"`);
  if (depth >= maxIndexes) throw new OciError("LIMIT_EXCEEDED", `Cannot open ${root.digest}: indexes nest too deep`);

  const bytes = await readBlob(source.blob(root), options);
  const { manifests } = parseIndex(bytes, root.mediaType, `index ${root.digest}`);
  const candidates = manifests.filter((entry) => !isAttestation(entry));
  const wanted = options.platform ?? hostPlatform();
  const match = selectPlatform(candidates, wanted);
  if (match !== undefined) return openAt(source, match, options, depth + 1, opened);

  // An index of one image serves whoever did not ask for a platform.
  const [only] = candidates;
  if (options.platform === undefined && only !== undefined && candidates.length === 1)
    return openAt(source, only, options, depth + 1, opened);

  const offered: Platform[] = candidates.flatMap(({ platform }) => platform ?? []);
  // Entries may lack a platform (image-spec image-index.md): then the config says it.
  for (const entry of candidates.filter(({ platform }) => platform === undefined)) {
    if (!isDocumentType(entry.mediaType) || opened.has(entry.digest)) continue;
    opened.add(entry.digest);
    try {
      const image = await openAt(source, entry, { ...options, platform: wanted }, depth + 1, opened);
      if (platformDistance(wanted, image.platform) !== undefined) return image;
      offered.push(image.platform);
    } catch (error) {
      if (!(error instanceof OciError) || (error.code !== "UNSUPPORTED" && error.code !== "NOT_FOUND")) throw error;
    }
  }
  throw noSuchPlatform(wanted, root, offered);
}

async function openManifest(source: Source, descriptor: Descriptor, options: Options): Promise<Image> {
  const { digest, mediaType } = descriptor;
  const manifest = parseManifest(await readBlob(source.blob(descriptor), options), mediaType, `manifest ${digest}`);
  if (!configTypes.has(manifest.config.mediaType))
    throw new OciError(
      "UNSUPPORTED",
      `Cannot open ${digest} as an image: its config is "${manifest.artifactType ?? manifest.config.mediaType}"`,
    );
  const bytes = await readBlob(source.blob(manifest.config), options);
  const config = parseConfig(bytes, `config ${manifest.config.digest}`);
  const { diff_ids: diffIds } = config.rootfs;
  if (diffIds.length !== manifest.layers.length)
    throw new OciError(
      "INVALID_DOCUMENT",
      `Cannot open image ${digest}: ${manifest.layers.length} layers in the manifest, ${diffIds.length} diffIDs in the config`,
    );
  const layers = manifest.layers.map((layer, position) => {
    const diffId = diffIds[position];
    if (diffId === undefined || !layerTypes.has(layer.mediaType))
      throw new OciError("UNSUPPORTED", `Cannot open image ${digest}: layer ${position + 1} is "${layer.mediaType}"`);
    const blob = source.blob(layer);
    const { origin } = blob;
    return {
      descriptor: layer,
      diffId,
      ...(origin === undefined ? {} : { origin }),
      open: (open?: Options) => blob.open(open),
    };
  });
  return { descriptor, manifest, config, platform: platformOf(config), layers };
}

function platformOf(config: Platform): Platform {
  const { os, architecture, variant, "os.version": version, "os.features": features } = config;
  return normalizePlatform({
    os,
    architecture,
    ...(variant === undefined ? {} : { variant }),
    ...(version === undefined ? {} : { "os.version": version }),
    ...(features === undefined ? {} : { "os.features": features }),
  });
}

const foreignLayer = "application/vnd.oci.image.layer.nondistributable.v1.tar";
const ociTypes: Readonly<Record<string, string>> = {
  [mediaTypes.dockerLayer]: mediaTypes.ociLayer,
  [mediaTypes.dockerLayerGzip]: mediaTypes.ociLayerGzip,
  [mediaTypes.dockerLayerZstd]: mediaTypes.ociLayerZstd,
  [mediaTypes.dockerForeignLayer]: `${foreignLayer}+gzip`,
};
const layerTypes: ReadonlySet<string> = new Set([
  ...Object.keys(ociTypes),
  ...Object.values(ociTypes),
  foreignLayer,
  `${foreignLayer}+zstd`,
]);
// Docker 1.10 called a config an octet stream.
const configTypes: ReadonlySet<string> = new Set([
  mediaTypes.ociConfig,
  mediaTypes.dockerConfig,
  "application/octet-stream",
]);

function ociLayer(descriptor: Descriptor): Descriptor {
  const { mediaType, digest, size, annotations, urls } = descriptor;
  return {
    mediaType: ociTypes[mediaType] ?? mediaType,
    digest,
    size,
    ...(urls === undefined ? {} : { urls }),
    ...(annotations === undefined ? {} : { annotations: sortKeys(annotations) }),
  };
}

function noSuchPlatform(wanted: Platform, { digest }: Descriptor, offered: readonly Platform[]): OciError {
  const there = [...new Set(offered.map(formatPlatform))].join(", ");
  return new OciError(
    "NOT_FOUND",
    `Cannot find ${formatPlatform(wanted)} in ${digest}: ${there === "" ? "it names no platform" : `it is for ${there}`}`,
  );
}

function withinLimit(bytes: Uint8Array, what: string): Uint8Array {
  if (bytes.byteLength > documentLimit)
    throw new OciError(
      "LIMIT_EXCEEDED",
      `Cannot write ${what}: ${bytes.byteLength} bytes are more than ${documentLimit}`,
    );
  return bytes;
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
