import { type FileHandle, stat } from "node:fs/promises";
import type { Options } from "../content.ts";
import { OciError } from "../errors.ts";
import { knownOf, withKnown } from "../known-bytes.ts";
import { type FileRange, isMissing, openRegular, readAt, readFileBytes } from "./file-bytes.ts";

interface Part {
  readonly path: string;
  readonly start: number;
  readonly size: number;
}

/** A file, or the parts of one in their order, read as one. */
export class JoinedFile implements AsyncDisposable {
  readonly size: number;
  readonly #parts: readonly Part[];
  #opened: { readonly part: Part; readonly handle: FileHandle } | undefined;

  private constructor(parts: readonly Part[], size: number) {
    this.#parts = parts;
    this.size = size;
  }

  /** Throws OciError NOT_FOUND, or INVALID_ARCHIVE for what is no regular file. */
  static async open(paths: readonly string[]): Promise<JoinedFile> {
    const parts: Part[] = [];
    let start = 0;
    for (const path of paths) {
      const info = await stat(path).catch((cause: unknown) => {
        throw isMissing(cause) ? new OciError("NOT_FOUND", `Cannot find ${path}`, { cause }) : cause;
      });
      if (!info.isFile()) throw new OciError("INVALID_ARCHIVE", `Cannot read ${path}: not a regular file`);
      parts.push({ path, start, size: info.size });
      start += info.size;
    }
    return new JoinedFile(parts, start);
  }

  /** Exactly `length` bytes from `position`, fewer at the end. Disposing of the file closes what this has opened. */
  async read(position: number, length: number): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    for (const [part, start, count] of this.#ranges(position, length)) {
      if (this.#opened?.part !== part) {
        await this[Symbol.asyncDispose]();
        this.#opened = { part, handle: await openRegular(part.path) };
      }
      chunks.push(await readAt(this.#opened.handle, start, count));
    }
    const [only] = chunks;
    return only !== undefined && chunks.length === 1 ? only : Buffer.concat(chunks);
  }

  /** See `readFileBytes`. */
  bytes({ start = 0, length = Infinity, signal }: FileRange): AsyncGenerator<Uint8Array, void, undefined> {
    const ranges = this.#ranges(start, length);
    const [first, ...others] = ranges;
    if (first !== undefined && others.length === 0) return partBytes(first, { signal });
    return joined(ranges, { signal });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened?.handle.close();
    this.#opened = undefined;
  }

  /** Part, first byte in it and bytes of it, for each that has some of a range. */
  #ranges(start: number, length: number): readonly PartRange[] {
    const end = Math.min(this.size, start + length);
    return this.#parts.flatMap((part): readonly PartRange[] => {
      const from = Math.max(start, part.start);
      const to = Math.min(end, part.start + part.size);
      return from < to ? [[part, from - part.start, to - from]] : [];
    });
  }
}

type PartRange = readonly [part: Part, start: number, length: number];

function partBytes(
  [{ path }, start, length]: PartRange,
  { signal }: Options,
): AsyncGenerator<Uint8Array, void, undefined> {
  return readFileBytes(path, { start, length, signal });
}

function joined(ranges: readonly PartRange[], options: Options): AsyncGenerator<Uint8Array, void, undefined> {
  let current: AsyncGenerator<Uint8Array> | undefined;
  async function* read(): AsyncGenerator<Uint8Array, void, undefined> {
    for (const range of ranges) yield* (current = partBytes(range, options));
  }
  return withKnown(read(), { recycle: (chunk) => current !== undefined && knownOf(current).recycle?.(chunk) });
}
