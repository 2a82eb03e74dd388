import type { Blob, Bytes, Options } from "../content.ts";
import { decompress, type DecompressOptions, sniffCompression } from "./decompress.ts";
import { type Digest, digestAlgorithm, Digester } from "../digest.ts";
import { OciError } from "../errors.ts";

export interface OpenLayerOptions extends Options {
  /** What the config says the uncompressed bytes hash to; checked when the last byte was read. */
  readonly diffId?: Digest;
  /** Most uncompressed bytes. Default: 1 GiB, or 2000 times the blob's size where that is more; no gzip passes that. */
  readonly maxBytes?: number;
}

/**
 * The tar in a layer's blob, whatever it is compressed with. Throws what `decompress` throws, and
 * OciError DIFFID_MISMATCH instead of ending where the bytes are not those of `diffId`.
 */
export async function* openLayer(blob: Blob, options: OpenLayerOptions = {}): AsyncGenerator<Uint8Array, void, void> {
  const { digest, size, mediaType } = blob.descriptor;
  const { diffId, signal, maxBytes } = options;
  const digester = diffId === undefined ? undefined : new Digester(digestAlgorithm(diffId));
  let first = true;
  const limits = { signal, ...(maxBytes === undefined ? {} : { maxBytes }) };
  for await (const chunk of unpack(blob.open({ signal }), `layer ${digest}`, size, limits)) {
    if (first) {
      first = false;
      const inner = sniffCompression(chunk);
      if (inner !== "none")
        throw new OciError(
          "INVALID_ARCHIVE",
          `Cannot unpack layer ${digest}: its ${mediaType} holds ${inner} again instead of a tar`,
        );
    }
    digester?.update(chunk);
    yield chunk;
  }
  const found = digester?.digest();
  if (found !== diffId)
    throw new OciError("DIFFID_MISMATCH", `Cannot unpack layer ${digest}: expected diffID ${diffId}, found ${found}`);
}

/**
 * `decompress` for a layer's bytes, with errors that name it as `what`. `size` is that of the
 * bytes: no gzip unpacks to more than 2000 times as much, and no image has a small layer of over 1 GiB.
 */
export async function* unpack(
  bytes: Bytes,
  what: string,
  size: number,
  options: DecompressOptions = {},
): AsyncGenerator<Uint8Array, void, void> {
  try {
    yield* decompress(bytes, { ...options, maxBytes: options.maxBytes ?? Math.max(2 ** 30, size * 2000) });
  } catch (error) {
    if (!(error instanceof OciError) || !["INVALID_ARCHIVE", "LIMIT_EXCEEDED", "UNSUPPORTED"].includes(error.code))
      throw error;
    throw new OciError(error.code, `Cannot unpack ${what}: ${error.message}`, { cause: error });
  }
}
