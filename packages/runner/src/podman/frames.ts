import type { Readable } from "node:stream";

export type FrameStream = "stdout" | "stderr";

const headerLength = 8;

/**
 * Takes apart what podman sends of a program without a terminal: frames of a byte that says the
 * stream (1 stdout, 2 stderr), three zeros, and a length of 32 bits, big endian, before the bytes
 * themselves. A frame comes out in the pieces in which it came in.
 */
export async function* readFrames(
  connection: Readable,
  head: Uint8Array = new Uint8Array(),
): AsyncGenerator<{ readonly stream: FrameStream; readonly bytes: Uint8Array }> {
  let header: Uint8Array = new Uint8Array();
  let stream: FrameStream = "stdout";
  let left = 0;
  for await (const piece of pieces(connection, head)) {
    let rest = piece;
    while (rest.length > 0) {
      if (left > 0) {
        const bytes = rest.subarray(0, left);
        left -= bytes.length;
        rest = rest.subarray(bytes.length);
        yield { stream, bytes };
        continue;
      }
      const lacking = headerLength - header.length;
      header = header.length === 0 ? rest.subarray(0, lacking) : Buffer.concat([header, rest.subarray(0, lacking)]);
      rest = rest.subarray(lacking);
      if (header.length < headerLength) break;
      stream = header[0] === 2 ? "stderr" : "stdout";
      left = new DataView(header.buffer, header.byteOffset).getUint32(4);
      header = new Uint8Array();
    }
  }
}

async function* pieces(connection: Readable, head: Uint8Array): AsyncGenerator<Uint8Array> {
  if (head.length > 0) yield head;
  for await (const chunk of connection) if (chunk instanceof Uint8Array) yield chunk;
}
