import { type Bytes, digestHex, type Layer, openLayer, type Options, readTar, type TarHeader } from "@lading/oci";
import type { FileContent } from "../entry.ts";
import { pieces, Spool } from "../list/spool.ts";

/**
 * The files of a layer, in any order and any number of times. The layer is unpacked once, and not before one of them is
 * read, into a file without a name that stays until nothing refers to it any more.
 */
export class LayerContents {
  readonly #layer: Layer;
  readonly #cacheDir: string;
  /** The same object for the same file, so that what is one file can be told. */
  readonly #contents = new Map<number, FileContent>();
  #unpacked: Promise<Unpacked> | undefined;

  constructor(layer: Layer, cacheDir: string) {
    this.#layer = layer;
    this.#cacheDir = cacheDir;
  }

  /** The content of the file that the entry of this number in the layer's tar is. */
  of(entry: number, { path, size }: TarHeader): FileContent {
    let content = this.#contents.get(entry);
    if (content === undefined) {
      const open = (options?: Options): Bytes => this.#read(entry, size, options);
      content = { kind: "member", digest: digestHex(this.#layer.diffId), path, open };
      this.#contents.set(entry, content);
    }
    return content;
  }

  async *#read(entry: number, size: number, options: Options = {}): Bytes {
    const { spool, offsets } = await (this.#unpacked ??= unpack(this.#layer, this.#cacheDir, options));
    const offset = offsets[entry];
    if (offset === undefined) throw new Error(`Cannot read layer ${this.#layer.descriptor.digest}: it has changed`);
    yield* pieces(spool, offset, size);
  }
}

interface Unpacked {
  readonly spool: Spool;
  /** Where each entry's bytes begin. */
  readonly offsets: readonly number[];
}

async function unpack(layer: Layer, cacheDir: string, options: Options): Promise<Unpacked> {
  const spool = new Spool(cacheDir);
  const offsets: number[] = [];
  for await (const { offset } of readTar(spool.fill(openLayer(layer, { ...options, diffId: layer.diffId })), options))
    offsets.push(offset);
  return { spool, offsets };
}
