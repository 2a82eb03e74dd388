import { mediaTypes } from "@lading/oci";
import type { Compression, CompressionKind } from "./chunk-codec.ts";
import { DEFAULT_GZIP_LEVEL } from "./deflate.ts";

export type { Compression };

/**
 * The levels of each kind, and the one that its bare name means. zstd's is the fastest whose layers are no larger
 * than gzip's on every workload of `pnpm bench`.
 */
const levels: Readonly<Record<CompressionKind, { min: number; max: number; default: number }>> = {
  gzip: { min: 1, max: 9, default: DEFAULT_GZIP_LEVEL },
  zstd: { min: 1, max: 22, default: 2 },
  none: { min: 0, max: 0, default: 0 },
};

const layerTypes: Readonly<Record<CompressionKind, string>> = {
  gzip: mediaTypes.ociLayerGzip,
  zstd: mediaTypes.ociLayerZstd,
  none: mediaTypes.ociLayer,
};

/** What `text` ("gzip", "zstd:3", "none") asks for; "gzip" when absent. Throws SyntaxError, quoting it. */
export function parseCompression(text: string = "gzip"): Compression {
  const [kind = "", level, rest] = text.split(":");
  if (!isKind(kind) || rest !== undefined) {
    throw new SyntaxError(
      `Cannot parse compression ${JSON.stringify(text)}: expected gzip, zstd or none, and optionally a colon and a level`,
    );
  }
  const { min, max, default: preset } = levels[kind];
  if (level === undefined) return { kind, level: preset };
  const number = /^\d{1,2}$/.test(level) ? Number(level) : Number.NaN;
  if (number >= min && number <= max) return { kind, level: number };
  throw new SyntaxError(
    `Cannot parse compression ${JSON.stringify(text)}: ${kind === "none" ? "none takes no level" : `levels of ${kind} are ${min} to ${max}`}`,
  );
}

/** "gzip:6", "zstd:1", "none": what parseCompression() reads. */
export function formatCompression({ kind, level }: Compression): string {
  return kind === "none" ? kind : `${kind}:${level}`;
}

/** The media type of a layer compressed so (image-spec layer.md). */
export function layerMediaType({ kind }: Compression): string {
  return layerTypes[kind];
}

function isKind(text: string): text is CompressionKind {
  return text === "gzip" || text === "zstd" || text === "none";
}
