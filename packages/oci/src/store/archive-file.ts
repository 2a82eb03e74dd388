import { constants } from "node:fs";
import { access, open, rename, rm, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { finished, type Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { pack, type Pack } from "tar-stream";
import type { Bytes, Options } from "../content.ts";
import { OciError } from "../errors.ts";
import { hasCode, isMissing, writeFileBytes } from "./file-bytes.ts";
import { removeStale, temporaryPath } from "./folder.ts";
import { knownOf } from "../known-bytes.ts";

/** One file of an archive to be written. */
export interface NewMember {
  readonly path: string;
  readonly size: number;
  open(options: Options): Bytes;
}

/** A file, or a stream such as standard output, which is left open. */
export type ArchiveOutput = string | Writable;

/**
 * Writes a tar that appears under its name when it is whole, and not at all otherwise. Every member
 * has mode 0644 (its folders 0755), owner 0 and time 0, so equal content makes equal bytes. A
 * symlink at `output` is replaced, and what it leads to is left alone. Returns the size in bytes.
 */
export async function writeArchive(
  output: ArchiveOutput,
  members: Iterable<NewMember>,
  options: Options = {},
): Promise<number> {
  if (typeof output !== "string")
    return writeTar(members, options, (bytes) => writeStream(output, bytes, options.signal));
  // Devices and pipes (/dev/stdout, >(command)) have no "whole under its name".
  if (await isSpecial(output)) return writeTar(members, options, (...tar) => writeSpecial(output, ...tar));

  const temporary = temporaryPath(dirname(output));
  await removeStale(dirname(output));
  try {
    const size = await writeTar(members, options, (...tar) => writeOpened(temporary, "wx", ...tar));
    await rename(temporary, output);
    return size;
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Throws OciError NOT_FOUND when the folder for `output` is not there or cannot be written, before any work is done. */
export async function checkArchiveOutput(output: ArchiveOutput): Promise<void> {
  if (typeof output !== "string") return;
  const info = await stat(output).catch(() => undefined);
  if (info?.isDirectory() === true)
    throw new OciError("INVALID_ARCHIVE", `Cannot write archive ${output}: it is a folder`);
  const folder = dirname(output);
  const found = await stat(folder).catch((cause: unknown) => {
    throw isMissing(cause)
      ? new OciError("NOT_FOUND", `Cannot write archive ${output}: there is no folder ${folder}`, { cause })
      : cause;
  });
  if (!found.isDirectory())
    throw new OciError("NOT_FOUND", `Cannot write archive ${output}: ${folder} is a file and no folder`);
  if (!(await isSpecial(output))) await access(folder, constants.W_OK);
}

/** Says that a chunk was written, and that its memory is free. */
type OnWritten = (chunk: Uint8Array) => void;

async function writeTar(
  members: Iterable<NewMember>,
  options: Options,
  write: (bytes: Bytes, onWritten: OnWritten) => Promise<number>,
): Promise<number> {
  const tar = pack();
  // It is told below; without a listener it would end the process when nobody has begun to read.
  tar.on("error", () => undefined);
  const owners = new WeakMap<Uint8Array, OnWritten>();
  let first: { readonly error: unknown } | undefined;
  // Each side's failure ends the other; the first one is the reason.
  const failed = (error: unknown): void => {
    first ??= { error };
    tar.destroy(error instanceof Error ? error : new Error(String(error)));
  };
  // Who writes closes the tar first, and tells why when the file is closed as well; `fill` fails of that in between.
  let left = false;
  const chunks = chunksOf(tar, () => (left = true));
  const written = write(chunks, (chunk) => {
    owners.get(chunk)?.(chunk);
    owners.delete(chunk);
  });
  const filled = fill(tar, members, owners, options).catch(async (error: unknown) => {
    if (left) await written;
    throw error;
  });
  await Promise.all([written.catch(failed), filled.catch(failed)]);
  if (first !== undefined) throw first.error;
  return written;
}

/** Calls `onLeft` when whoever reads wants no more of it. */
async function* chunksOf(tar: AsyncIterable<unknown>, onLeft: () => void): AsyncGenerator<Uint8Array> {
  for await (const chunk of tar) {
    if (!(chunk instanceof Uint8Array)) continue;
    let wanted = false;
    try {
      yield chunk;
      wanted = true;
    } finally {
      if (!wanted) onLeft();
    }
  }
}

async function fill(
  tar: Pack,
  members: Iterable<NewMember>,
  owners: WeakMap<Uint8Array, OnWritten>,
  options: Options,
): Promise<void> {
  const common = { uid: 0, gid: 0, mtime: new Date(0) };
  const folders = new Set<string>();
  for (const member of members) {
    options.signal?.throwIfAborted();
    const { path, size } = member;
    // Folders that an archive does not name, skopeo gives to root, and fails where it is not root itself.
    for (const folder of foldersOf(path).filter((name) => !folders.has(name))) {
      folders.add(folder);
      tar.entry({ name: folder, type: "directory", mode: 0o755, ...common });
    }
    // Before there is an entry, whose errors nobody would listen to yet.
    const bytes = member.open(options);
    const entry = tar.entry({ name: path, size, type: "file", mode: 0o644, ...common });
    await pipeline(lent(bytes, owners), entry);
  }
  tar.finalize();
}

/** "a/b/c" lies in "a" and in "a/b". */
function foldersOf(path: string): readonly string[] {
  const names = path.split("/").slice(0, -1);
  return names.map((_, index) => names.slice(0, index + 1).join("/"));
}

/** The same chunks, noted as theirs who gave them, where those want them back. */
async function* lent(bytes: Bytes, owners: WeakMap<Uint8Array, OnWritten>): AsyncGenerator<Uint8Array> {
  const { recycle } = knownOf(bytes);
  for await (const chunk of bytes) {
    if (recycle !== undefined) owners.set(chunk, recycle);
    yield chunk;
  }
}

async function writeOpened(path: string, flags: "w" | "wx", bytes: Bytes, onWritten: OnWritten): Promise<number> {
  const handle = await open(path, flags);
  try {
    return await writeFileBytes(handle, bytes, { onWritten });
  } finally {
    await handle.close();
  }
}

async function writeSpecial(path: string, bytes: Bytes, onWritten: OnWritten): Promise<number> {
  // Opening a pipe waits for its reader, and nothing could interrupt that: look first whether there is one.
  const probe = await open(path, constants.O_WRONLY | constants.O_NONBLOCK).catch((cause: unknown) => {
    throw hasCode(cause, "ENXIO")
      ? new OciError("NOT_FOUND", `Cannot write archive ${path}: nobody reads from this pipe`, { cause })
      : cause;
  });
  try {
    return await writeOpened(path, "w", bytes, onWritten);
  } finally {
    await probe.close();
  }
}

/** Waits for each chunk to be handed on: a pipe may break after the last one, too. */
async function writeStream(stream: Writable, bytes: Bytes, signal: AbortSignal | undefined): Promise<number> {
  let size = 0;
  let failure: { readonly error: unknown } | undefined;
  let proceed: (() => void) | undefined;
  const fail = (error: unknown): void => {
    failure ??= { error };
    proceed?.();
  };
  const forget = finished(stream, { readable: false }, (error) => fail(error ?? new Error("The stream was closed")));
  const abort = (): void => fail(signal?.reason);
  signal?.addEventListener("abort", abort);
  try {
    for await (const chunk of bytes) {
      await new Promise<void>((resolve) => {
        proceed = resolve;
        if (failure !== undefined) return resolve();
        stream.write(chunk, (error) => {
          // What failed comes as the stream's own error, too, and must find a listener.
          if (!error) resolve();
        });
      });
      if (failure !== undefined) throw failure.error;
      size += chunk.byteLength;
    }
    return size;
  } finally {
    signal?.removeEventListener("abort", abort);
    if (failure === undefined) forget();
  }
}

async function isSpecial(path: string): Promise<boolean> {
  // These may lead to a file that is somebody's standard output; /dev/shm holds files of its own.
  if (/^\/(?:dev\/(?!shm\/)|proc\/)/.test(resolve(path))) return true;
  const info = await stat(path).catch(() => undefined);
  return info !== undefined && !info.isFile() && !info.isDirectory();
}
