export type { Blob, Bytes, Options, Sink, Source, Store } from "./content.ts";
export { type Descriptor, isIndexType, isManifestType, mediaTypes } from "./descriptor.ts";
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
export { OciError, type OciErrorCode } from "./errors.ts";
export type { Platform } from "./platform.ts";
export type { TarHeader, TarType } from "./tar-header.ts";
export { compareBytestrings, decodeBytestring, encodeBytestring } from "./bytestring.ts";
export { encodeTarHeader, type TarHeaderInput, tarHeaderSize, tarTrailerSize, writeTarHeader } from "./tar-writer.ts";
export { readTar, type ReadTarOptions, type TarEntry, type TarLimits } from "./tar-reader.ts";
