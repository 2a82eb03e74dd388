import type { Bytes } from "@lading/oci";

/*
 * The two compressions that layers never have and source archives do. Both libraries are loaded when such an archive
 * is met.
 */

/** Decompresses bzip2, all streams of it. Throws Error for damage. */
export async function* bunzip2(bytes: Bytes): Bytes {
  const { default: unbzip2 } = await import("unbzip2-stream");
  // It works off what it is given before write() returns, heeds no back pressure, and reports an end too early
  // as an event.
  const stream = unbzip2();
  const ready: Uint8Array[] = [];
  let failure: Error | undefined;
  stream.on("data", (chunk: Uint8Array) => ready.push(chunk));
  stream.on("error", (error: Error) => (failure ??= error));
  const write = function* (end: () => void): Generator<Uint8Array> {
    end();
    yield* ready.splice(0);
    if (failure !== undefined) throw failure;
  };
  for await (const chunk of bytes) yield* write(() => stream.write(chunk));
  yield* write(() => stream.end());
}

/** Decompresses xz, all streams of it. Throws Error for damage, and for checks other than CRC32 and CRC64. */
export async function* unxz(bytes: Bytes): Bytes {
  // CommonJS whose names Node cannot see from outside: everything is in the default export.
  const { default: xz } = await import("xz-decompress");
  yield* new xz.XzReadableStream(ReadableStream.from(bytes));
}
