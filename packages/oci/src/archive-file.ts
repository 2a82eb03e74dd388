import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { constants } from "node:fs";
import { access, open, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { pack, type Pack } from "tar-stream";
import type { Bytes, Options } from "./content.ts";
import { OciError } from "./errors.ts";
import { hasCode, isMissing, writeFileBytes } from "./file-bytes.ts";

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
 * has mode 0644 (its folders 0755), owner 0 and time 0, so equal content makes equal bytes. A symlink at `output` is
 * replaced, and what it leads to is left alone. Returns the size.
 */
export async function writeArchive(
  output: ArchiveOutput,
  members: Iterable<NewMember>,
  options: Options = {},
): Promise<number> {
  if (typeof output !== "string") return writeTar(members, options, (bytes) => writeStream(output, bytes));
  // Devices and pipes (/dev/stdout, >(command)) have no "whole under its name".
  if (await isSpecial(output)) return writeTar(members, options, (bytes) => writeSpecial(output, bytes));

  const temporary = join(dirname(output), `.${basename(output)}.${process.pid}-${randomBytes(6).toString("hex")}`);
  await removeStale(output);
  try {
    const size = await writeTar(members, options, (bytes) => writeOpened(temporary, "wx", bytes));
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

async function writeTar(
  members: Iterable<NewMember>,
  options: Options,
  write: (bytes: Bytes) => Promise<number>,
): Promise<number> {
  const tar = pack();
  // It is told below; without a listener it would end the process when nobody has begun to read.
  tar.on("error", () => undefined);
  let first: { readonly error: unknown } | undefined;
  // Each side's failure ends the other; the first one is the reason.
  const failed = (error: unknown): void => {
    first ??= { error };
    tar.destroy(error instanceof Error ? error : new Error(String(error)));
  };
  const written = write(chunksOf(tar));
  await Promise.all([written.catch(failed), fill(tar, members, options).catch(failed)]);
  if (first !== undefined) throw first.error;
  return written;
}

async function* chunksOf(tar: AsyncIterable<unknown>): AsyncGenerator<Uint8Array> {
  for await (const chunk of tar) if (chunk instanceof Uint8Array) yield chunk;
}

async function fill(tar: Pack, members: Iterable<NewMember>, options: Options): Promise<void> {
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
    const entry = tar.entry({ name: path, size, type: "file", mode: 0o644, ...common });
    await pipeline(member.open(options), entry);
  }
  tar.finalize();
}

/** "a/b/c" lies in "a" and in "a/b". */
function foldersOf(path: string): readonly string[] {
  const names = path.split("/").slice(0, -1);
  return names.map((_, index) => names.slice(0, index + 1).join("/"));
}

async function writeOpened(path: string, flags: "w" | "wx", bytes: Bytes): Promise<number> {
  const handle = await open(path, flags);
  try {
    return await writeFileBytes(handle, bytes);
  } finally {
    await handle.close();
  }
}

async function writeSpecial(path: string, bytes: Bytes): Promise<number> {
  // Opening a pipe waits for its reader, and nothing could interrupt that: look first whether there is one.
  const probe = await open(path, constants.O_WRONLY | constants.O_NONBLOCK).catch((cause: unknown) => {
    throw hasCode(cause, "ENXIO")
      ? new OciError("NOT_FOUND", `Cannot write archive ${path}: nobody reads from this pipe`, { cause })
      : cause;
  });
  try {
    return await writeOpened(path, "w", bytes);
  } finally {
    await probe.close();
  }
}

const staleAfter = 24 * 60 * 60 * 1000;

/** What writers of this archive left that were killed. */
async function removeStale(output: string): Promise<void> {
  const folder = dirname(output);
  const prefix = `.${basename(output)}.`;
  for (const name of await readdir(folder).catch(() => [])) {
    if (!name.startsWith(prefix) || !/^\d+-[0-9a-f]{12}$/.test(name.slice(prefix.length))) continue;
    const path = join(folder, name);
    const info = await stat(path).catch(() => undefined);
    if (info !== undefined && Date.now() - info.mtimeMs > staleAfter) await rm(path, { force: true });
  }
}

async function writeStream(stream: Writable, bytes: Bytes): Promise<number> {
  let size = 0;
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined);
  stream.once("error", failed.reject);
  try {
    for await (const chunk of bytes) {
      size += chunk.byteLength;
      if (!stream.write(chunk)) await Promise.race([once(stream, "drain"), failed.promise]);
    }
    return size;
  } finally {
    stream.off("error", failed.reject);
  }
}

async function isSpecial(path: string): Promise<boolean> {
  if (/^\/(?:dev|proc)\//.test(path)) return true;
  const info = await stat(path).catch(() => undefined);
  return info !== undefined && !info.isFile() && !info.isDirectory();
}
