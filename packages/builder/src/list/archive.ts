import { createHash, randomBytes } from "node:crypto";
import { closeSync, constants, fstatSync, openSync, readSync, type Stats, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Bytes, decompress, makeFolder, OciError, readTar, sniffCompression, type TarHeader } from "@lading/oci";
import { recallArchive, rememberArchive } from "./archive-record.ts";
import { bunzip2, unxz } from "./bzip2-xz.ts";
import { diskPath, unreadable } from "./context.ts";
import { BuildError } from "../errors.ts";

/** A tar, plain or compressed, whose members can be read in any order and any number of times. */
export interface Archive {
  /** sha256 of the file as it is, in hexadecimal. */
  readonly digest: string;
  readonly members: readonly ArchiveMember[];
  /** The bytes of a member. Throws BuildError SOURCE_CHANGED when the archive is not what it was. */
  read(member: ArchiveMember): Bytes;
}

export interface ArchiveMember {
  readonly header: TarHeader;
  /** Where its bytes are in the plain tar. */
  readonly offset: number;
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

/**
 * What is in an archive: gzip, bzip2, xz and zstd are told by content. An archive that the cache remembers is not read
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
    const compression = sniffCompression(file.read(0, Math.min(6, stat.size)));
    const spool =
      compression === "none" ? undefined : new Spool(cacheDir === undefined ? tmpdir() : join(cacheDir, "tmp"));
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
      spool === undefined ? readFromFile(path, name, stat, member) : pieces(spool, member);
    return { digest, members, read };
  } catch (cause) {
    if (cause instanceof BuildError || signal?.aborted === true) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new BuildError("SOURCE_UNREADABLE", `Cannot unpack "${name}": ${why}`, {
      cause,
      hint:
        (cause instanceof OciError && cause.hint) ||
        "Archives are tar files, plain or compressed with gzip, bzip2, xz or zstd; without unpack the file is added as it is",
    });
  } finally {
    file.close();
  }
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

const chunkSize = 1 << 20;

interface Readable {
  read(offset: number, length: number): Uint8Array;
}

async function* pieces(from: Readable, { header, offset }: ArchiveMember): Bytes {
  for (let at = 0; at < header.size; at += chunkSize)
    yield from.read(offset + at, Math.min(chunkSize, header.size - at));
}

async function* readFromFile(path: string, name: string, stat: Stats, member: ArchiveMember): Bytes {
  const file = new ArchiveFile(path, name, stat);
  try {
    yield* pieces(file, member);
    file.check();
  } finally {
    file.close();
  }
}

/** An archive on disk that must stay what it was when it was listed. */
class ArchiveFile implements Readable {
  readonly #fd: number;
  readonly #name: string;
  readonly #stat: Stats;
  readonly #hash = createHash("sha256");
  #hashed = 0;

  constructor(path: string, name: string, stat: Stats) {
    this.#name = name;
    this.#stat = stat;
    try {
      this.#fd = openSync(diskPath(path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    } catch (cause) {
      throw unreadable(name, cause);
    }
    try {
      this.check();
    } catch (cause) {
      this.close();
      throw cause;
    }
  }

  read(offset: number, length: number): Uint8Array {
    const bytes = Buffer.allocUnsafeSlow(length);
    for (let at = 0; at < length;) {
      const count = this.#readAt(bytes, at, offset + at);
      if (count === 0) throw changed(this.#name);
      at += count;
    }
    return bytes;
  }

  /** The whole file, once. */
  async *stream(signal: AbortSignal | undefined): Bytes {
    while (this.#hashed < this.#stat.size) {
      signal?.throwIfAborted();
      yield this.#next();
    }
  }

  /** Of the whole file, also of what nobody read of the stream: decompressors stop at the end of theirs. */
  digest(): string {
    while (this.#hashed < this.#stat.size) this.#next();
    this.check();
    return this.#hash.digest("hex");
  }

  check(): void {
    const now = fstatSync(this.#fd);
    const { ino, dev, size, mtimeMs, ctimeMs } = this.#stat;
    if (now.ino !== ino || now.dev !== dev || now.size !== size || now.mtimeMs !== mtimeMs || now.ctimeMs !== ctimeMs)
      throw changed(this.#name);
  }

  close(): void {
    closeSync(this.#fd);
  }

  #next(): Uint8Array {
    const chunk = this.read(this.#hashed, Math.min(chunkSize, this.#stat.size - this.#hashed));
    this.#hash.update(chunk);
    this.#hashed += chunk.byteLength;
    return chunk;
  }

  #readAt(bytes: Uint8Array, at: number, position: number): number {
    try {
      return readSync(this.#fd, bytes, at, bytes.byteLength - at, position);
    } catch (cause) {
      throw unreadable(this.#name, cause);
    }
  }
}

function changed(name: string): BuildError {
  return new BuildError("SOURCE_CHANGED", `Cannot unpack "${name}": it changed since it was listed`, {
    hint: "Build again when nothing writes to the sources any more",
  });
}

/** A file without a name, so that nothing is left of it however the build ends. */
class Spool implements Readable {
  static readonly #abandoned = new FinalizationRegistry(closeSync);
  readonly #fd: number;
  #size = 0;

  constructor(folder: string) {
    const path = join(folder, `lading-${randomBytes(12).toString("hex")}.tar`);
    try {
      makeFolder(folder);
      this.#fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
      Spool.#abandoned.register(this, this.#fd);
      // Another build may have tidied it away in between.
      rmSync(path, { force: true });
    } catch (cause) {
      throw new BuildError("OUTPUT", `Cannot make a temporary file in ${folder}`, { cause });
    }
  }

  /** Keeps what passes through. */
  async *fill(bytes: Bytes): Bytes {
    for await (const chunk of bytes) {
      try {
        for (let at = 0; at < chunk.byteLength;)
          at += writeSync(this.#fd, chunk, at, chunk.byteLength - at, this.#size + at);
      } catch (cause) {
        throw new BuildError("OUTPUT", "Cannot write an unpacked archive to a temporary file", { cause });
      }
      this.#size += chunk.byteLength;
      yield chunk;
    }
  }

  read(offset: number, length: number): Uint8Array {
    const bytes = Buffer.allocUnsafeSlow(length);
    for (let at = 0; at < length;) {
      const count = readSync(this.#fd, bytes, at, length - at, offset + at);
      if (count === 0) throw new Error(`Cannot read a temporary file at ${offset + at}: it has ${this.#size} bytes`);
      at += count;
    }
    return bytes;
  }
}
