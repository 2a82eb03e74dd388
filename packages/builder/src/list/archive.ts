import { createHash } from "node:crypto";
import { lstatSync, type Stats } from "node:fs";
import { type Bytes, decompress, OciError, readTar, sniffCompression, type TarHeader } from "@lading/oci";
import { ArchiveFile, changed, isZip } from "./archive-file.ts";
import { recallArchive, rememberArchive } from "./archive-record.ts";
import { bunzip2, unxz } from "./bzip2-xz.ts";
import { diskPath } from "./context.ts";
import { BuildError } from "../errors.ts";
import { pieces, Spool } from "./spool.ts";
import type { Packed } from "./zip.ts";

/** A tar, plain or compressed, or a zip, whose members can be read in any order and any number of times. */
export interface Archive {
  /** sha256 of the file as it is, or of what a zip holds, in hexadecimal. */
  readonly digest: string;
  readonly members: readonly ArchiveMember[];
  /** The bytes of a member. Throws BuildError SOURCE_CHANGED when the archive is not what it was. */
  read(member: ArchiveMember): Bytes;
}

export interface ArchiveMember {
  readonly header: TarHeader;
  /** Where its bytes are in the plain tar, or in the zip. */
  readonly offset: number;
  /** Of a file in a zip. */
  readonly zipped?: Zipped | undefined;
}

interface Zipped extends Packed {
  /** sha256 of what it unpacks to, in hexadecimal. */
  readonly digest: string;
}

export interface ArchiveOptions {
  /** What messages call it. */
  readonly name: string;
  /** What lstat said: it must still be that file. */
  readonly stat: Stats;
  /** Remembers archives in `archives/`, and has room for plain tars in `tmp/`. Default: nothing is remembered. */
  readonly cacheDir: string | undefined;
  readonly signal: AbortSignal | undefined;
}

/** The archives of one build: one that goes into several layers is read once. */
export class Archives {
  readonly #opened = new Map<string, Promise<Archive>>();

  /** As `openArchive`. */
  async open(path: string, options: ArchiveOptions): Promise<Archive> {
    const { ino, dev, size, mtimeMs, ctimeMs } = options.stat;
    const key = JSON.stringify([path, ino, dev, size, mtimeMs, ctimeMs]);
    let archive = this.#opened.get(key);
    if (archive === undefined) this.#opened.set(key, (archive = openArchive(path, options)));
    return await archive;
  }
}

/**
 * What is in an archive: zip, gzip, bzip2, xz and zstd are told by content. An archive that the cache remembers is not read
 * until a member is; any other is, once and from start to end.
 * Throws BuildError SOURCE_UNREADABLE for what is no archive or a damaged one, SOURCE_CHANGED, OUTPUT.
 */
export async function openArchive(path: string, options: ArchiveOptions): Promise<Archive> {
  const { name, stat, cacheDir } = options;
  const startedAt = Date.now();
  const record = cacheDir === undefined ? undefined : recallArchive(cacheDir, path, stat);
  if (record === undefined) {
    const archive = await readArchive(path, options);
    if (cacheDir !== undefined) rememberArchive(cacheDir, path, stat, startedAt, archive);
    return archive;
  }
  let opened: Promise<Archive> | undefined;
  return {
    ...record,
    async *read(member) {
      const archive = await (opened ??= readArchive(path, options));
      if (archive.digest !== record.digest) throw changed(name);
      yield* archive.read(member);
    },
  };
}

/** Of a compressed archive, the plain tar is kept in a file without a name until nothing refers to the archive any more. */
async function readArchive(path: string, options: ArchiveOptions): Promise<Archive> {
  const { name, stat, cacheDir, signal } = options;
  const file = new ArchiveFile(path, name, stat);
  try {
    if (stat.size === 0) throw new Error("it is empty");
    const head = file.read(0, Math.min(6, stat.size));
    if (isZip(head)) return await readZipFile(file, path, options);
    const compression = sniffCompression(head);
    const spool = compression === "none" ? undefined : new Spool(cacheDir);
    const bytes = file.stream(signal);
    const tar =
      spool === undefined || compression === "none"
        ? bytes
        : spool.fill(bounded(decompressed(compression, bytes), stat.size));
    const members: ArchiveMember[] = [];
    for await (const { header, offset } of readTar(tar, signal === undefined ? {} : { signal }))
      members.push({ header, offset });
    const digest = file.digest();
    const read = (member: ArchiveMember): Bytes =>
      spool === undefined
        ? readFromFile(path, options, plain(member))
        : pieces(spool, member.offset, member.header.size);
    return { digest, members, read };
  } catch (cause) {
    if (cause instanceof BuildError || signal?.aborted === true) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new BuildError("SOURCE_UNREADABLE", `Cannot unpack "${name}": ${why}`, {
      cause,
      hint:
        (cause instanceof OciError && cause.hint) ||
        "Archives are tar files, plain or with gzip, bzip2, xz or zstd, and zips; without unpack the file is added as it is",
    });
  } finally {
    file.close();
  }
}

/** Every file is read, for its digest: so layers are known again when others of the zip's files change. */
async function readZipFile(file: ArchiveFile, path: string, options: ArchiveOptions): Promise<Archive> {
  const { stat, signal } = options;
  const { readZip, unzipped } = await import("./zip.ts");
  const members: ArchiveMember[] = [];
  for (const member of await readZip(file, stat.size, { signal })) {
    signal?.throwIfAborted();
    const { header, offset, packed } = member;
    if (header.type === "file") {
      const hash = createHash("sha256");
      for await (const chunk of unzipped(file, member)) hash.update(chunk);
      members.push({ header, offset, zipped: { ...packed, digest: hash.digest("hex") } });
    } else members.push({ header, offset });
  }
  file.check();
  const read = ({ header, offset, zipped }: ArchiveMember): Bytes =>
    readFromFile(path, options, (from) =>
      zipped === undefined ? pieces(from, offset, 0) : unzipped(from, { header, offset, packed: zipped }),
    );
  return { digest: createHash("sha256").update(JSON.stringify(members)).digest("hex"), members, read };
}

function decompressed(compression: "gzip" | "zstd" | "bzip2" | "xz", bytes: Bytes): Bytes {
  if (compression === "bzip2") return bunzip2(bytes);
  if (compression === "xz") return unxz(bytes);
  return decompress(bytes);
}

/** A tar that is this much larger than its archive is a bomb and no tar: gzip ends at 1032 times, xz of zeros at about 7000. */
async function* bounded(bytes: Bytes, compressedSize: number): Bytes {
  const limit = Math.max(2 ** 30, compressedSize * 8000);
  let total = 0;
  for await (const chunk of bytes) {
    total += chunk.byteLength;
    if (total > limit) throw new Error(`it unpacks to more than ${limit} bytes`);
    yield chunk;
  }
}

function plain({ offset, header }: ArchiveMember): (file: ArchiveFile) => Bytes {
  return (file) => pieces(file, offset, header.size);
}

async function* readFromFile(path: string, { name, stat }: ArchiveOptions, bytes: (file: ArchiveFile) => Bytes): Bytes {
  const file = new ArchiveFile(path, name, stat);
  try {
    yield* bytes(file);
    file.check();
  } finally {
    file.close();
  }
}

/** Whether a file is a tar, plain or compressed: its content begins as one does. Throws BuildError SOURCE_CHANGED, SOURCE_UNREADABLE. */
export async function isTarFile(path: string): Promise<boolean> {
  const stat = lstatSync(diskPath(path));
  if (stat.size === 0) return false;
  const file = new ArchiveFile(path, path, stat);
  try {
    const compression = sniffCompression(file.read(0, Math.min(6, stat.size)));
    if (compression === "none") return stat.size >= 512 && isTarHeader(file.read(0, 512));
    const block = Buffer.alloc(512);
    let length = 0;
    for await (const chunk of decompressed(compression, file.stream(undefined))) {
      length += Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).copy(block, length);
      if (length === block.length) return isTarHeader(block);
    }
    return false;
  } catch (error) {
    // What only begins like a compressed file is none.
    if (error instanceof BuildError) throw error;
    return false;
  } finally {
    file.close();
  }
}

/** Whether a block has the checksum of a header (POSIX pax, ustar). */
function isTarHeader(block: Uint8Array): boolean {
  let sum = 0;
  for (const [at, byte] of block.entries()) sum += at >= 148 && at < 156 ? 0x20 : byte;
  const text = Buffer.from(block.subarray(148, 156)).toString("latin1");
  return Number.parseInt(text.replaceAll("\0", " ").trim(), 8) === sum;
}
