import type { Blob, Bytes, Options, Source } from "./content.ts";
import type { Descriptor } from "./descriptor.ts";
import { OciError } from "./errors.ts";
import { knownOf, withKnown } from "./known-bytes.ts";
import { verified } from "./verify.ts";

/** Reads from the first of `sources` that has what is asked for. */
export function firstOf(...sources: readonly Source[]): Source {
  return {
    async resolve(name, options) {
      return firstFound(sources, (source) => source.resolve(name, options), `"${name}"`);
    },
    blob(descriptor) {
      const blobs = sources.map((source) => source.blob(descriptor));
      const origin = blobs.find((blob) => blob.origin !== undefined)?.origin;
      return {
        descriptor,
        ...(origin === undefined ? {} : { origin }),
        open: (options) => openFirst(blobs, descriptor, options),
      };
    },
  };
}

async function firstFound<T>(
  sources: readonly Source[],
  find: (source: Source) => Promise<T>,
  what: string,
): Promise<T> {
  let missing: unknown = new OciError("NOT_FOUND", `Cannot find ${what}: no source to look in`);
  for (const source of sources) {
    try {
      return await find(source);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      missing = error;
    }
  }
  throw missing;
}

function openFirst(blobs: readonly Blob[], descriptor: Descriptor, options?: Options): Bytes {
  let current: Bytes | undefined;
  async function* read(): AsyncGenerator<Uint8Array> {
    let missing: unknown = new OciError("NOT_FOUND", `Cannot find ${descriptor.digest}: no source to look in`);
    for (const blob of blobs) {
      let begun = false;
      try {
        current = verified(blob.open(options), descriptor);
        for await (const chunk of current) {
          begun = true;
          yield chunk;
        }
        return;
      } catch (error) {
        if (begun || !isNotFound(error)) throw error;
        missing = error;
      }
    }
    throw missing;
  }
  return withKnown(read(), {
    checked: descriptor,
    recycle: (chunk) => current !== undefined && knownOf(current).recycle?.(chunk),
  });
}

function isNotFound(error: unknown): boolean {
  return error instanceof OciError && error.code === "NOT_FOUND";
}
