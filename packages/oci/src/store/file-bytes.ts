import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import type { Bytes, Options } from "../content.ts";
import { OciError } from "../errors.ts";
import { documentLimit } from "../json.ts";
import { knownOf, withKnown } from "../known-bytes.ts";

const chunkSize = 1024 * 1024;

export interface FileRange extends Options {
  /** First byte; 0 when not given. */
  readonly start?: number;
  /** Bytes at most; to the end when not given. */
  readonly length?: number;
}

/**
 * The bytes of a regular file, in chunks of 1 MiB, the next read while one is used. Whoever is done
 * with a chunk may give it back (`KnownBytes.recycle`). Throws OciError NOT_FOUND.
 */
export function readFileBytes(path: string, range: FileRange = {}): AsyncGenerator<Uint8Array, void, undefined> {
  const spare: Uint8Array[] = [];
  const recycle = (chunk: Uint8Array): void => {
    if (chunk.byteLength === chunkSize) spare.push(chunk);
  };
  return withKnown(readChunks(path, range, spare), { recycle });
}

async function* readChunks(
  path: string,
  { start = 0, length = Infinity, signal }: FileRange,
  spare: Uint8Array[],
): AsyncGenerator<Uint8Array, void, undefined> {
  const handle = await openRegular(path);
  let ahead: Promise<Uint8Array> | undefined;
  try {
    let position = start;
    let left = length;
    const next = (): Promise<Uint8Array> | undefined => {
      const size = Math.min(chunkSize, left);
      if (size <= 0) return undefined;
      const promise = readAt(handle, position, size, size === chunkSize ? spare.pop() : undefined);
      position += size;
      left -= size;
      // Whoever stops reading early never looks at this one.
      promise.catch(() => undefined);
      return promise;
    };
    ahead = next();
    while (ahead !== undefined) {
      const chunk = await ahead;
      signal?.throwIfAborted();
      ahead = chunk.byteLength === 0 ? undefined : next();
      if (chunk.byteLength > 0) yield chunk;
    }
  } finally {
    await ahead?.catch(() => undefined);
    await handle.close();
  }
}

/** A document, whole. Throws OciError LIMIT_EXCEEDED over 4 MiB, NOT_FOUND. */
export async function readSmallFile(path: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of readFileBytes(path, { length: documentLimit + 1 })) {
    chunks.push(chunk);
    size += chunk.byteLength;
  }
  if (size > documentLimit)
    throw new OciError("LIMIT_EXCEEDED", `Cannot read ${path}: more than ${documentLimit} bytes`);
  return Buffer.concat(chunks);
}

/** A file that is not a FIFO, device or directory, opened for reading. Throws OciError NOT_FOUND. */
export async function openRegular(path: string): Promise<FileHandle> {
  // Without O_NONBLOCK, opening a FIFO waits for its writer forever.
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((cause: unknown) => {
    throw isMissing(cause) ? new OciError("NOT_FOUND", `Cannot find ${path}`, { cause }) : cause;
  });
  if ((await handle.stat()).isFile()) return handle;
  await handle.close();
  throw new OciError("INVALID_ARCHIVE", `Cannot read ${path}: not a regular file`);
}

/** Exactly `length` bytes from `position`, fewer at the end of the file; into `buffer`, which has that length, or new memory. */
export async function readAt(
  handle: FileHandle,
  position: number,
  length: number,
  buffer: Uint8Array = Buffer.allocUnsafeSlow(length),
): Promise<Uint8Array> {
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await handle.read(buffer, filled, length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return filled === length ? buffer : buffer.subarray(0, filled);
}

export interface WriteOptions extends Options {
  /** Called with each chunk once it is on its way to the disk and nobody reads its memory any more. */
  readonly onWritten?: ((chunk: Uint8Array) => void) | undefined;
}

/** Appends everything, small chunks gathered, one write in flight while the next chunk is made. Returns the size. */
export async function writeFileBytes(handle: FileHandle, bytes: Bytes, options: WriteOptions = {}): Promise<number> {
  const { signal, onWritten = knownOf(bytes).recycle } = options;
  let size = 0;
  let gathered: Uint8Array[] = [];
  let pending = 0;
  let writing: Promise<void> = Promise.resolve();
  const flush = async (): Promise<void> => {
    await writing;
    writing = writeAll(handle, gathered, onWritten);
    // Seen by the next `await writing`; until then it must not count as unhandled.
    writing.catch(() => undefined);
    gathered = [];
    pending = 0;
  };
  try {
    for await (const chunk of bytes) {
      signal?.throwIfAborted();
      gathered.push(chunk);
      pending += chunk.byteLength;
      size += chunk.byteLength;
      if (pending >= chunkSize) await flush();
    }
    if (pending > 0) await flush();
  } finally {
    await writing;
  }
  return size;
}

async function writeAll(
  handle: FileHandle,
  chunks: readonly Uint8Array[],
  onWritten: ((chunk: Uint8Array) => void) | undefined,
): Promise<void> {
  for (const chunk of chunks.length > 16 ? [Buffer.concat(chunks)] : chunks) {
    let offset = 0;
    while (offset < chunk.byteLength) {
      const { bytesWritten } = await handle.write(chunk, offset, chunk.byteLength - offset);
      offset += bytesWritten;
    }
  }
  if (onWritten !== undefined) for (const chunk of chunks) onWritten(chunk);
}

/** Whether an error says that a file or a folder on its path is not there. */
export function isMissing(error: unknown): boolean {
  return hasCode(error, "ENOENT") || hasCode(error, "ENOTDIR");
}

/** Whether an error is the system's `code`. */
export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
