import { constants } from "node:fs";
import { open } from "node:fs/promises";
import {
  type Bytes,
  type Descriptor,
  type Digest,
  DockerArchive,
  LayoutStore,
  MemoryStore,
  nameOf,
  OciArchive,
  type Options,
  type Source,
  type Store,
  successors,
} from "@lading/oci";

/** What can be served. */
export type ServedContent = LayoutStore | MemoryStore | OciArchive | DockerArchive;

interface NamedEntry {
  /** A bare tag or a full reference; undefined when content is listed without one. */
  readonly name: string | undefined;
  readonly descriptor: Descriptor;
}

interface ByteRange extends Options {
  readonly start: number;
  /** Bytes. */
  readonly length: number;
}

/** Content as a registry needs it: names listed, blobs found by nothing but their digest and read from the middle. */
export interface Backing {
  readonly source: Source;
  /** Undefined when it can only be read. */
  readonly store: (Store & Unlisting) | undefined;
  entries(): Promise<readonly NamedEntry[]>;
  /** Undefined when it is not there. */
  find(digest: Digest, mediaType: string): Promise<Descriptor | undefined>;
  read(descriptor: Descriptor, range: ByteRange): Bytes;
}

/** What a store can take back. */
interface Unlisting {
  keep?(descriptor: Descriptor, options?: Options): Promise<void>;
  untag(name: string, options?: Options): Promise<void>;
}

export function backingOf(content: ServedContent): Backing {
  if (content instanceof LayoutStore) return layoutBacking(content);
  if (content instanceof MemoryStore) return memoryBacking(content);
  return archiveBacking(content);
}

function layoutBacking(store: LayoutStore): Backing {
  return {
    source: store,
    store,
    entries: async () => named(await store.list()),
    async find(digest, mediaType) {
      const handle = await openBlob(store.path(digest));
      if (handle === undefined) return undefined;
      await using _ = handle;
      const info = await handle.stat();
      return info.isFile() ? { mediaType, digest, size: info.size } : undefined;
    },
    // Not hashed: the client does that anyway, and a range has no digest.
    async *read({ digest }, { start, length, signal }) {
      const handle = await openBlob(store.path(digest));
      if (handle === undefined || length === 0) return;
      // Closes the handle at its end, whichever that is.
      yield* handle.createReadStream({ start, end: start + length - 1, highWaterMark: 256 * 1024, signal });
    },
  };
}

async function openBlob(path: string): Promise<Awaited<ReturnType<typeof open>> | undefined> {
  try {
    // Without O_NONBLOCK, opening a FIFO waits for its writer forever.
    return await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR"))
      return undefined;
    throw error;
  }
}

function memoryBacking(store: MemoryStore): Backing {
  return {
    source: store,
    store,
    entries: async () => named(await store.list()),
    async find(digest, mediaType) {
      const found = await store.resolve(digest).catch(() => undefined);
      return found === undefined ? undefined : { ...found, mediaType };
    },
    read: (descriptor, range) => skipping(store, descriptor, range),
  };
}

// An archive does not change while it is served: what is in it is looked up once.
function archiveBacking(source: OciArchive | DockerArchive): Backing {
  let scan: Promise<{ entries: readonly NamedEntry[]; found: ReadonlyMap<Digest, Descriptor> }> | undefined;
  const scanned = (): NonNullable<typeof scan> => (scan ??= scanArchive(source));
  return {
    source,
    store: undefined,
    entries: async () => (await scanned()).entries,
    async find(digest, mediaType) {
      const found = (await scanned()).found.get(digest);
      return found === undefined ? undefined : { mediaType, digest, size: found.size };
    },
    read: (descriptor, range) => skipping(source, descriptor, range),
  };
}

async function scanArchive(
  source: OciArchive | DockerArchive,
): Promise<{ entries: readonly NamedEntry[]; found: ReadonlyMap<Digest, Descriptor> }> {
  const entries = source instanceof OciArchive ? named(await source.list()) : await dockerEntries(source);
  const found = new Map<Digest, Descriptor>();
  const waiting = entries.map(({ descriptor }) => descriptor);
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (found.has(next.digest)) continue;
    found.set(next.digest, next);
    waiting.push(...(await successors(source, next).catch(() => [])));
  }
  return { entries, found };
}

async function dockerEntries(source: DockerArchive): Promise<readonly NamedEntry[]> {
  const entries: NamedEntry[] = [];
  for (const [position, names] of source.names().entries()) {
    const descriptor = await source.resolve(`@${position}`);
    if (names.length === 0) entries.push({ name: undefined, descriptor });
    for (const name of names) entries.push({ name, descriptor });
  }
  return entries;
}

function named(entries: readonly Descriptor[]): readonly NamedEntry[] {
  return entries.map((descriptor) => ({ name: nameOf(descriptor), descriptor }));
}

async function* skipping(source: Source, descriptor: Descriptor, range: ByteRange): AsyncGenerator<Uint8Array> {
  const { start, length, signal } = range;
  let position = 0;
  for await (const chunk of source.blob(descriptor).open({ signal })) {
    const from = Math.max(start - position, 0);
    const to = start + length - position;
    if (from < chunk.byteLength && to > from) yield chunk.subarray(from, to);
    position += chunk.byteLength;
    if (position >= start + length && position < descriptor.size) return;
  }
}
