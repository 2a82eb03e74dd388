import { type FileHandle, open, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Writable } from "node:stream";
import { type Digest, Digester, OciError } from "@lading/oci";
import { digestOfFile, type Part, type PartList, partListPath, partName, readPartList, removeParts } from "./parts.ts";

const mostParts = 10_000;

/**
 * A stream into the parts of a file. What is written is the same each time for the same `content`, so
 * parts that an interrupted write has left are kept, and what belongs into them is passed over.
 */
export class SplitFile extends Writable {
  readonly #file: string;
  readonly #content: Digest;
  readonly #partSize: number;
  /** Those of an interrupted write that are as they should be. */
  readonly #kept: readonly Part[];
  readonly #parts: Part[] = [];
  /** Bytes of the part that is being written, or passed over. */
  #size = 0;
  #writing: { readonly handle: FileHandle; readonly digester: Digester; readonly path: string } | undefined;

  private constructor(file: string, content: Digest, partSize: number, kept: readonly Part[]) {
    super({ highWaterMark: 1 });
    this.#file = file;
    this.#content = content;
    this.#partSize = partSize;
    this.#kept = kept;
  }

  /** Begins, or goes on with, writing. Until `finish` nobody takes the parts for a bundle. */
  static async create(file: string, content: Digest, partSize: number): Promise<SplitFile> {
    const before = await readPartList(file).catch(() => undefined);
    const isSame = before?.content === content && before.partSize === partSize;
    const split = new SplitFile(file, content, partSize, isSame ? await intact(file, before) : []);
    if (!isSame) await removeParts(file);
    await split.#writeList();
    return split;
  }

  /** Makes the parts a bundle of this digest. */
  async finish(bundle: Digest): Promise<readonly Part[]> {
    await new Promise<void>((resolve, reject) => {
      this.once("error", reject);
      this.end(resolve);
    });
    await this.#writeList(bundle);
    // One file of this name would be taken for the bundle.
    await rm(this.#file, { force: true });
    return this.#parts;
  }

  override _write(chunk: Uint8Array, _encoding: string, done: Done): void {
    void settle(this.#take(chunk), done);
  }

  override _final(done: Done): void {
    void settle(this.#endPart(), done);
  }

  override _destroy(error: Error | null, done: Done): void {
    void settle(this.#abandon(), (failure) => done(error ?? failure));
  }

  async #abandon(): Promise<void> {
    const writing = this.#writing;
    this.#writing = undefined;
    await writing?.handle.close();
    if (writing !== undefined) await rm(writing.path, { force: true });
  }

  async #take(chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.byteLength;) {
      const some = chunk.subarray(at, at + this.#partSize - this.#size);
      if (this.#parts.length >= this.#kept.length) await this.#append(some);
      at += some.byteLength;
      this.#size += some.byteLength;
      if (this.#size === this.#partSize) await this.#endPart();
    }
  }

  async #append(bytes: Uint8Array): Promise<void> {
    if (this.#parts.length >= mostParts)
      throw new OciError("LIMIT_EXCEEDED", `Cannot write ${this.#file} in more than ${mostParts} parts`);
    if (this.#writing === undefined) {
      const path = `${join(dirname(this.#file), partName(this.#file, this.#parts.length))}.unfinished`;
      this.#writing = { path, handle: await open(path, "w", 0o644), digester: new Digester() };
    }
    const { handle, digester } = this.#writing;
    digester.update(bytes);
    for (let at = 0; at < bytes.byteLength;) at += (await handle.write(bytes, at)).bytesWritten;
  }

  async #endPart(): Promise<void> {
    const kept = this.#kept[this.#parts.length];
    if (kept !== undefined && this.#size > 0) this.#parts.push(kept);
    if (this.#writing !== undefined) {
      const { handle, digester, path } = this.#writing;
      await handle.close();
      this.#writing = undefined;
      const file = partName(this.#file, this.#parts.length);
      await rename(path, join(dirname(this.#file), file));
      this.#parts.push({ file, size: this.#size, digest: digester.digest() });
    }
    this.#size = 0;
    if (this.#parts.length > this.#kept.length) await this.#writeList();
  }

  async #writeList(bundle?: Digest): Promise<void> {
    const parts = this.#parts.length < this.#kept.length ? this.#kept : this.#parts;
    const list: PartList = { bundle, content: this.#content, partSize: this.#partSize, parts };
    const path = partListPath(this.#file);
    await writeFile(`${path}.unfinished`, `${JSON.stringify(list, undefined, 2)}\n`);
    await rename(`${path}.unfinished`, path);
  }
}

type Done = (error?: Error | null) => void;

async function settle(work: Promise<void>, done: Done): Promise<void> {
  let failure: Error | undefined;
  try {
    await work;
  } catch (error) {
    failure = error instanceof Error ? error : new Error(String(error));
  }
  done(failure);
}

/** The parts of an interrupted write, up to the first that is not as it was written. */
async function intact(file: string, { parts, partSize }: PartList): Promise<readonly Part[]> {
  const kept: Part[] = [];
  for (const part of parts) {
    const path = join(dirname(file), part.file);
    const info = await stat(path).catch(() => undefined);
    if (part.size !== partSize || info?.size !== part.size || (await digestOfFile(path)) !== part.digest) break;
    kept.push(part);
  }
  return kept;
}
