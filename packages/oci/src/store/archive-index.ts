import { decodeBytestring } from "../bytestring.ts";
import type { Options } from "../content.ts";
import { sniffCompression } from "../layer/decompress.ts";
import { OciError } from "../errors.ts";
import { JoinedFile } from "./joined-file.ts";
import { documentLimit } from "../json.ts";
import { maxPaxSize, parsePaxRecords } from "../tar/pax.ts";
import { isZeroBlock, parseTarBlock, type TarBlock } from "../tar/tar-block.ts";

/** A member of an image archive, and where its bytes lie. */
export interface ArchiveMember {
  readonly path: string;
  readonly type: "file" | "symlink" | "other";
  readonly start: number;
  readonly size: number;
  readonly linkname: string;
}

// An image of 127 layers has some 400 members; a hundred thousand is not an image.
const maxMembers = 100_000;

/**
 * What an image archive holds, by reading its headers alone: bodies are passed over, so opening is
 * quick however large the archive is. A path that climbs, is absolute or comes twice is refused: two
 * readers would see two images.
 */
export class ArchiveIndex {
  readonly file: string;
  readonly #tar: JoinedFile;
  readonly #members: ReadonlyMap<string, ArchiveMember>;

  private constructor(file: string, tar: JoinedFile, members: ReadonlyMap<string, ArchiveMember>) {
    this.file = file;
    this.#tar = tar;
    this.#members = members;
  }

  /**
   * `parts`: files that make it when they follow each other. Throws OciError NOT_FOUND,
   * INVALID_ARCHIVE, UNSUPPORTED (compressed as a whole) or LIMIT_EXCEEDED.
   */
  static async open(
    file: string,
    { parts = [file], ...options }: Options & { readonly parts?: readonly string[] | undefined } = {},
  ): Promise<ArchiveIndex> {
    await using tar = await JoinedFile.open(parts);
    const members = new Map<string, ArchiveMember>();
    for await (const member of readMembers(tar, file, options)) {
      if (member.type === "other") continue;
      if (members.has(member.path)) throw invalid(file, `it holds ${JSON.stringify(member.path)} twice`);
      members.set(member.path, member);
      if (members.size > maxMembers)
        throw new OciError("LIMIT_EXCEEDED", `Cannot read ${file}: more than ${maxMembers} members`);
    }
    return new ArchiveIndex(file, tar, members);
  }

  /** The paths of all members but folders. */
  paths(): Iterable<string> {
    return this.#members.keys();
  }

  /** The paths of all that it holds. */
  names(): readonly string[] {
    return [...this.#members.keys()];
  }

  has(path: string): boolean {
    return this.#members.has(path);
  }

  /** A regular file of the archive; undefined when there is none. Throws INVALID_ARCHIVE for a link. */
  regular(path: string): ArchiveMember | undefined {
    const member = this.#members.get(path);
    if (member === undefined || member.type === "file") return member;
    throw invalid(this.file, `${JSON.stringify(path)} is a link and not a file`);
  }

  /** As `regular`, but goes through one symlink: old `docker save` shares equal layers by them. */
  shared(path: string): ArchiveMember | undefined {
    const member = this.#members.get(path);
    if (member?.type !== "symlink") return member;
    const target = cleanPath([...folderOf(path), member.linkname].join("/"));
    return target === undefined ? undefined : this.regular(target);
  }

  bytes(member: ArchiveMember, options: Options & { readonly length?: number } = {}): AsyncGenerator<Uint8Array> {
    const length = Math.min(member.size, options.length ?? Infinity);
    return this.#tar.bytes({ signal: options.signal, start: member.start, length });
  }

  /** A document of the archive, whole. Throws OciError LIMIT_EXCEEDED over 4 MiB. */
  async document(member: ArchiveMember, options: Options = {}): Promise<Uint8Array> {
    if (member.size > documentLimit)
      throw new OciError(
        "LIMIT_EXCEEDED",
        `Cannot read ${member.path} in ${this.file}: ${member.size} bytes are more than ${documentLimit}`,
      );
    const chunks: Uint8Array[] = [];
    for await (const chunk of this.bytes(member, options)) chunks.push(chunk);
    return Buffer.concat(chunks);
  }
}

/** A path of the archive with `.` and `..` resolved; undefined when it is absolute, empty or leads out. */
export function cleanPath(path: string): string | undefined {
  if (path.startsWith("/") || path.includes("\0")) return undefined;
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) return undefined;
  }
  return parts.length === 0 ? undefined : parts.join("/");
}

/** Extension headers that go before a member's own. */
interface Extensions {
  path?: string;
  linkname?: string;
  size?: number;
}

async function* readMembers(tar: JoinedFile, file: string, options: Options): AsyncGenerator<ArchiveMember> {
  const { size: end } = tar;
  const window = new Window(tar);
  let extensions: Extensions = {};
  for (let at = 0; at < end;) {
    options.signal?.throwIfAborted();
    const block = await window.read(at, 512);
    if (block.byteLength < 512) throw invalid(file, `it ends within a header at byte ${at}`);
    // One zero block is the end for all readers that matter; what follows is nobody's.
    if (isZeroBlock(block)) return;
    const header = parseHeader(block, at, file);
    const start = at + 512;
    const size = header.typeflag === "x" || header.typeflag === "g" ? header.size : (extensions.size ?? header.size);
    if (start + size > end) throw invalid(file, `${JSON.stringify(header.name)} ends after the archive does`);
    at = start + Math.ceil(size / 512) * 512;

    if ("xLK".includes(header.typeflag)) {
      if (size > maxPaxSize)
        throw new OciError("LIMIT_EXCEEDED", `Cannot read ${file}: an extension header of ${size} bytes`);
      Object.assign(extensions, readExtension(header.typeflag, await window.read(start, size), file));
      continue;
    }
    // Global records (git archive's comment) say nothing about a member here.
    if (header.typeflag === "g") continue;
    yield toMember(header, extensions, start, size, file);
    extensions = {};
  }
}

function toMember(header: TarBlock, extensions: Extensions, start: number, size: number, file: string): ArchiveMember {
  const name = extensions.path ?? header.name;
  const directory = header.typeflag === "5" || name.endsWith("/");
  const path = name.split("/").includes("..") ? undefined : cleanPath(name);
  // "./" is how GNU tar names the folder itself.
  if (path === undefined && !(directory && /^[./]*$/.test(name) && !name.includes("..")))
    throw invalid(file, `the path ${JSON.stringify(name)} leads out of it`);
  const isFile = !directory && ["0", "\0", "7"].includes(header.typeflag);
  const isLink = header.typeflag === "1" || header.typeflag === "2";
  if (!directory && !isFile && !isLink)
    throw invalid(file, `${JSON.stringify(name)} is neither file nor folder nor link`);
  if (header.typeflag === "1") throw invalid(file, `${JSON.stringify(name)} is a hardlink`);
  const linkname = extensions.linkname ?? header.linkname;
  if (isLink && (linkname.startsWith("/") || cleanPath([...folderOf(name), linkname].join("/")) === undefined))
    throw invalid(file, `the link ${JSON.stringify(name)} to ${JSON.stringify(linkname)} leads out of it`);
  return {
    path: path ?? "",
    type: isFile ? "file" : isLink ? "symlink" : "other",
    start,
    size: isFile ? size : 0,
    linkname,
  };
}

function folderOf(path: string): readonly string[] {
  return path.split("/").slice(0, -1);
}

function parseHeader(block: Uint8Array, at: number, file: string): TarBlock {
  try {
    return parseTarBlock(block, at);
  } catch (cause) {
    const compressed = at === 0 ? sniffCompression(block) : "none";
    if (compressed !== "none")
      throw new OciError("UNSUPPORTED", `Cannot read ${file}: it is compressed with ${compressed} as a whole`, {
        cause,
        hint: "Decompress it first: what is in it must be found without reading all of it",
      });
    throw invalid(file, cause instanceof Error ? cause.message : "not a tar", cause);
  }
}

function readExtension(typeflag: string, body: Uint8Array, file: string): Extensions {
  if (typeflag !== "x") {
    const zero = body.indexOf(0);
    const name = decodeBytestring(zero === -1 ? body : body.subarray(0, zero));
    return typeflag === "L" ? { path: name } : { linkname: name };
  }
  let records: Map<string, Uint8Array>;
  try {
    records = parsePaxRecords(body);
  } catch (cause) {
    throw invalid(file, cause instanceof Error ? cause.message : "a damaged PAX header", cause);
  }
  const text = (key: string): string | undefined => {
    const value = records.get(key);
    return value === undefined ? undefined : decodeBytestring(value);
  };
  const size = text("size");
  if (size !== undefined && (!/^[0-9]+$/.test(size) || !Number.isSafeInteger(Number(size))))
    throw invalid(file, `a PAX header has the size ${JSON.stringify(size)}`);
  const path = text("path");
  const linkname = text("linkpath");
  return {
    ...(path === undefined ? {} : { path }),
    ...(linkname === undefined ? {} : { linkname }),
    ...(size === undefined ? {} : { size: Number(size) }),
  };
}

/** Headers lie close together where bodies are small: one read serves several. */
class Window {
  readonly #tar: JoinedFile;
  #start = 0;
  #bytes: Uint8Array = new Uint8Array(0);

  constructor(tar: JoinedFile) {
    this.#tar = tar;
  }

  async read(position: number, length: number): Promise<Uint8Array> {
    if (position < this.#start || position + length > this.#start + this.#bytes.byteLength) {
      this.#start = position;
      this.#bytes = await this.#tar.read(position, Math.max(length, 4096));
    }
    return this.#bytes.subarray(position - this.#start, position - this.#start + length);
  }
}

function invalid(file: string, reason: string, cause?: unknown): OciError {
  return new OciError("INVALID_ARCHIVE", `Cannot read ${file}: ${reason}`, cause === undefined ? {} : { cause });
}
