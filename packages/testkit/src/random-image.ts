import { randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import {
  type Descriptor,
  digestOf,
  type Image,
  type Layer,
  MemoryStore,
  mediaTypes,
  parsePlatform,
  writeImage,
  writeIndex,
} from "@lading/oci";
import { pack } from "tar-stream";

export interface RandomImageOptions {
  /** Layers of each image; 1 when not given. Every second one is gzip. */
  readonly layers?: number;
  /** One image when not given, under an index of this many otherwise. */
  readonly platforms?: readonly string[];
  /** Bytes of the one file in each layer; 1000 when not given. */
  readonly size?: number;
}

export interface RandomImage {
  readonly source: MemoryStore;
  /** The index when there are platforms, else the manifest. */
  readonly descriptor: Descriptor;
  readonly images: readonly Image[];
}

/** An image nobody has seen before, in memory. */
export async function randomImage(options: RandomImageOptions = {}): Promise<RandomImage> {
  const { layers = 1, platforms, size = 1000 } = options;
  const source = new MemoryStore();
  const images: Image[] = [];
  for (const platform of platforms ?? ["linux/amd64"]) {
    const made: Layer[] = [];
    for (let i = 0; i < layers; i += 1) made.push(await randomLayer(source, i, size));
    const config = {
      created: "1970-01-01T00:00:00Z",
      ...parsePlatform(platform),
      config: { Env: ["PATH=/bin"], Cmd: ["/file-0"], Labels: { id: randomBytes(8).toString("hex") } },
      history: made.map(() => ({ created: "1970-01-01T00:00:00Z", created_by: "randomImage" })),
    };
    images.push(await writeImage(source, { config, layers: made }));
  }
  const [only] = images;
  if (platforms === undefined && only !== undefined) return { source, descriptor: only.descriptor, images };
  return { source, descriptor: await writeIndex(source, images), images };
}

async function randomLayer(store: MemoryStore, position: number, size: number): Promise<Layer> {
  const tar = await tarOf(`file-${position}`, randomBytes(size));
  const compressed = position % 2 === 1;
  const bytes = compressed ? gzipSync(tar) : tar;
  const mediaType = compressed ? mediaTypes.ociLayerGzip : mediaTypes.ociLayer;
  const descriptor = await store.write(chunks(bytes), mediaType);
  return { ...store.blob(descriptor), diffId: digestOf(tar) };
}

async function tarOf(name: string, content: Uint8Array): Promise<Uint8Array> {
  const tar = pack();
  tar.entry({ name, mtime: new Date(0) }, Buffer.from(content));
  tar.finalize();
  const parts: Uint8Array[] = [];
  for await (const part of tar) if (part instanceof Uint8Array) parts.push(part);
  return Buffer.concat(parts);
}

async function* chunks(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += 333) yield bytes.subarray(at, at + 333);
}
