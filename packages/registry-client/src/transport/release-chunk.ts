/**
 * Frees the memory of a chunk of a response's body, once nobody reads it any more. A socket reads
 * into a buffer of 64 KiB for each chunk, and the garbage collector, which sees only the small object
 * in front of it, lets a hundred megabytes of them lie about.
 */
export function releaseChunk({ buffer, byteOffset, byteLength }: Uint8Array): void {
  // Part of a buffer: the rest may be in use still.
  if (!(buffer instanceof ArrayBuffer) || byteOffset !== 0 || byteLength !== buffer.byteLength) return;
  if (byteLength > 0) buffer.transfer(0);
}
