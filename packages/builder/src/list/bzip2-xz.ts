import type { Bytes } from "@lading/oci";

/*
 * The two compressions that layers never have and source archives do. Both libraries are loaded when such an archive
 * is met.
 */

/** Decompresses bzip2, all streams of it. Throws Error for damage. */
export async function* bunzip2(bytes: Bytes): Bytes {
  const { default: unbzip2 } = await import("unbzip2-stream");
  // It works off what it is given before write() returns, heeds no back pressure, and reports failures as events.
  const stream = unbzip2();
  const ready: Uint8Array[] = [];
  let failure: Error | undefined;
  stream.on("data", (chunk: Uint8Array) => ready.push(chunk));
  stream.on("error", (error: Error) => (failure ??= error));
  const after = function* (step: () => void): Generator<Uint8Array> {
    step();
    yield* ready.splice(0);
    if (failure !== undefined)
      throw new Error("Cannot decompress bzip2: it is damaged or ends early", { cause: failure });
  };
  for await (const chunk of bytes) yield* after(() => stream.write(chunk));
  yield* after(() => stream.end());
}

/** Decompresses xz, all streams of it, with dictionaries of up to 64 MiB (xz -9). Throws Error for damage and what it cannot read. */
export async function* unxz(bytes: Bytes): Bytes {
  // CommonJS whose names Node cannot see from outside: everything is in the default export.
  const { default: xz } = await import("xz-decompress");
  let failure: unknown;
  const source = async function* (): Bytes {
    try {
      yield* bytes;
    } catch (error) {
      failure = error;
      throw error;
    }
  };
  try {
    yield* new xz.XzReadableStream(ReadableStream.from(source()));
  } catch (cause) {
    if (failure !== undefined) throw failure;
    // Codes of xz-embedded, xz.h enum xz_ret.
    const code = cause instanceof Error ? /error code (\d+)/.exec(cause.message)?.[1] : undefined;
    const why =
      code === "3" || code === "4"
        ? "its dictionary is larger than 64 MiB"
        : code === "6"
          ? "it has a filter or a check that is not supported"
          : "it is damaged or ends early";
    throw new Error(`Cannot decompress xz: ${why}`, { cause });
  }
}
