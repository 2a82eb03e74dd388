import {
  type ArchiveOutput,
  type Digest,
  digestOf,
  OciArchiveSink,
  type Options,
  type WrittenArchive,
} from "@lading/oci";
import { deltaAnnotations } from "./delta.ts";
import type { Collection } from "./collect.ts";
import { type Part, removeParts } from "./parts.ts";
import { SplitFile } from "./split-file.ts";

export interface WriteBundleOptions extends Options {
  /** Bytes of each part, for media that hold no more: the file becomes FILE.000, FILE.001… with FILE.parts.json. */
  readonly partSize?: number | undefined;
}

/** A bundle that was written. */
export interface WrittenBundle extends WrittenArchive {
  /** Empty for a single file. */
  readonly parts: readonly Part[];
}

/**
 * Writes a bundle: one OCI archive, which every engine loads unless it is a delta. Its bytes depend
 * on what it holds and on nothing else. A file appears when it is whole; writing the same parts again goes on
 * with those that are there.
 */
export async function writeBundle(
  collection: Collection,
  file: string,
  { partSize, ...options }: WriteBundleOptions = {},
): Promise<WrittenBundle> {
  if (partSize === undefined) {
    const written = await writeArchiveOf(collection, file, options);
    // Parts of an older one under the same name would be taken for it.
    await removeParts(file);
    return { ...written, parts: [] };
  }
  const split = await SplitFile.create(file, contentOf(collection), partSize);
  try {
    const written = await writeArchiveOf(collection, split, options);
    return { ...written, parts: await split.finish(written.digest) };
  } finally {
    split.destroy();
  }
}

async function writeArchiveOf(
  collection: Collection,
  output: ArchiveOutput,
  options: Options,
): Promise<WrittenArchive> {
  const { entries, blobs, since, omitted } = collection;
  const isDelta = since !== undefined && omitted.length > 0;
  await using sink = await OciArchiveSink.create(output, {
    partial: isDelta,
    ...(isDelta ? { annotations: deltaAnnotations(since) } : {}),
  });
  for (const blob of blobs) await sink.push(blob);
  for (const entry of entries) await sink.list(entry);
  return await sink.finish(options);
}

// By the order of writing it is known what each byte will be; a new order takes a new number.
const order = 1;

function contentOf({ entries, blobs, omitted, since }: Collection): Digest {
  const held = blobs.map(({ descriptor }) => descriptor.digest).toSorted();
  return digestOf(JSON.stringify([order, entries, held, omitted.length === 0 ? "" : since?.digest]));
}
