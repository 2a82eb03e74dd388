export type { Blob, Bytes, Options, ReferrerSource, Sink, Source, Store } from "./content.ts";
export { type Descriptor, isDocumentType, isIndexType, isManifestType, mediaTypes } from "./descriptor.ts";
export {
  type Digest,
  type DigestAlgorithm,
  digestAlgorithm,
  Digester,
  digestHex,
  digestOf,
  isDigest,
  parseDigest,
} from "./digest.ts";
export { OciError, type OciErrorCode, type OciErrorOptions } from "./errors.ts";
export {
  formatPlatform,
  hostPlatform,
  isAttestation,
  normalizePlatform,
  parsePlatform,
  type Platform,
  samePlatform,
  selectPlatform,
} from "./platform.ts";
export {
  familiarReference,
  formatReference,
  isTag,
  parseReference,
  type Reference,
  withDefaultTag,
} from "./reference.ts";
export { type EnginePlace, type FilePlace, formatPlace, parsePlace, type Place } from "./place.ts";
export {
  detectMediaType,
  type DockerArchiveEntry,
  type Index,
  type Manifest,
  parseConfig,
  parseDockerArchive,
  parseIndex,
  parseManifest,
} from "./documents.ts";
export { documentLimit, jsonBytes, type JsonLimits, parseJson } from "./json.ts";
export type { ContainerConfig, Healthcheck, History, ImageConfig } from "./image-config.ts";
export { matches, readBlob, verified } from "./verify.ts";
export { type KnownBytes, knownOf, withKnown } from "./known-bytes.ts";
export { Limiter } from "./limiter.ts";
export { successors } from "./graph.ts";
export { copy, CopyError, type CopyEvent, type CopyOptions, isTransient } from "./copy.ts";
export {
  type AttestationManifest,
  attestationManifestsOf,
  type AttestationManifestsOptions,
  attestedImage,
} from "./attestation-manifests.ts";
export { cosignKinds, type CosignSuffix, cosignTag, cosignTags, isCosignName, parseCosignTag } from "./cosign-tags.ts";
export { copyReferrers, type FoundReferrer, referrersOf } from "./copy-referrers.ts";
export { type Referrer, referrerOf } from "./referrer.ts";
export { firstOf } from "./first-of.ts";
export { type BlobTap, tapBlob, tapSource } from "./tap.ts";
export { MemoryStore } from "./store/memory.ts";
export { makeFolder } from "./store/folder.ts";
export { LayoutStore } from "./store/layout.ts";
export type { ArchiveOutput } from "./store/archive-file.ts";
export { OciArchive, type OpenArchiveOptions } from "./store/archive.ts";
export { type ArchiveSinkOptions, OciArchiveSink, type WrittenArchive } from "./store/archive-sink.ts";
export { DockerArchive } from "./store/docker-archive.ts";
export { DockerArchiveSink } from "./store/docker-archive-sink.ts";
export { nameAnnotations, nameOf } from "./store/layout-index.ts";
export {
  type Image,
  type ImageDraft,
  type Layer,
  listImages,
  openImage,
  type OpenImageOptions,
  writeImage,
  writeIndex,
} from "./image.ts";
export type { TarHeader, TarType } from "./tar/tar-header.ts";
export { compareBytestrings, decodeBytestring, encodeBytestring } from "./bytestring.ts";
export { encodeTarHeader, type TarHeaderInput, tarTrailerSize, writeTarHeader } from "./tar/tar-writer.ts";
export { readTar, type ReadTarOptions, type TarEntry, type TarLimits } from "./tar/tar-reader.ts";
export { type Compression, decompress, type DecompressOptions, sniffCompression } from "./layer/decompress.ts";
export { openLayer, type OpenLayerOptions } from "./layer/layer-bytes.ts";
export {
  indexEntry,
  indexLayer,
  type IndexedEntry,
  type IndexLayerOptions,
  type LayerIndex,
} from "./layer/layer-index.ts";
export { formatLayerIndex, parseLayerIndex } from "./layer/layer-index-text.ts";
export { type LayerStats, Tree, type WastedFile } from "./layer/tree.ts";
export type { Inode, TreeNode } from "./layer/tree-node.ts";
export { extractImage, type ExtractOptions, type ExtractReport, type FileOwner } from "./layer/extract.ts";
export { flattenImage } from "./layer/flatten.ts";
export { type Layered, readFiles, readTree, type ReadTreeOptions } from "./layer/layered-files.ts";
