import { type Collection, writeBundle, type WrittenBundle } from "@lading/bundle";
import { type Options, tapBlob } from "@lading/oci";
import type { Flags } from "../flags.ts";
import { createProgress } from "../progress/progress.ts";
import type { Registries } from "../registries.ts";
import { GatheredBlobs } from "./gathered-blobs.ts";

export interface BundleToCreate extends Options {
  readonly collection: Collection;
  readonly output: string;
  /** Bytes of each part, when there are to be several. */
  readonly partSize: number | undefined;
  readonly registries: Registries;
}

/** Fetches what is in registries, and writes the bundle. */
export async function createBundle(
  flags: Flags,
  { collection, output, partSize, registries, signal }: BundleToCreate,
): Promise<WrittenBundle> {
  const progress = createProgress(flags.text("progress"), { quiet: flags.on("quiet") });
  registries.onEvent = (event) => progress.event(event);
  const gathered = new GatheredBlobs(output);
  const begun = performance.now();
  try {
    const fetched = await gathered.gather(collection.blobs, output, {
      signal,
      onEvent: (event) => progress.event(event),
    });
    progress.event({ type: "write-start", place: output });
    let done = 0;
    const onBytes = (count: number): void => {
      done += count;
      progress.event({ type: "write-progress", place: output, done });
    };
    const blobs = fetched.map((blob) => tapBlob(blob, { onBytes }));
    const written = await writeBundle({ ...collection, blobs }, output, { partSize, signal });
    await gathered.remove();
    const ms = performance.now() - begun;
    progress.event({ type: "write-done", place: output, size: written.size, unchanged: false, ms });
    return written;
  } finally {
    progress.end();
  }
}
