import { BuildError } from "@lading/builder";
import {
  copy,
  type Descriptor,
  DockerArchiveSink,
  type FilePlace,
  isTag,
  LayoutStore,
  OciArchiveSink,
  type Options,
  parseReference,
  type Reference,
  type Sink,
  type Source,
  tapSource,
} from "@lading/oci";
import { stat } from "node:fs/promises";
import { fileStem } from "./config/image-names.ts";
import { isFilePlace, parsePlaceArgument, placeHint } from "./locate.ts";
import { contentKey, recordOutput, upToDate } from "./output-record.ts";
import type { ProgressEvent } from "./progress/progress.ts";
import { UsageError } from "./usage.ts";

/** A place that can be written. */
export interface Destination {
  readonly place: FilePlace;
  /** As the user wrote it. */
  readonly shown: string;
  /** Standard output, which then carries the archive and nothing else. */
  readonly stdout: boolean;
}

/** What is to be written: everything under `descriptor`. */
export interface Content {
  readonly source: Source;
  readonly descriptor: Descriptor;
}

/** What became of a destination. */
export interface Written {
  readonly place: string;
  /** Bytes: of an archive all of it, of a folder what was added. */
  readonly size: number;
  /** It held this image under these names already, and was not touched. */
  readonly unchanged: boolean;
  /** Milliseconds. */
  readonly ms: number;
}

export interface WriteOptions extends Options {
  /** Where to look whether the destination is up to date; it is always written when not given. */
  readonly cacheDir?: string | undefined;
  readonly onEvent?: ((event: ProgressEvent) => void) | undefined;
}

/** Parses where to write. Throws UsageError for a place that this version does not write. */
export async function parseDestination(text: string): Promise<Destination> {
  if (text === "-")
    throw new UsageError(`Cannot write "-": it names no format`, {
      hint: "Write oci-archive:- or docker-archive:- for standard output",
    });
  const docker = /^type=([a-z-]+)\b.*?\bdest=([^,]+)/.exec(text);
  if (docker !== null)
    throw new UsageError(`Cannot write to "${text}": a place is written otherwise here`, {
      hint: `Write it as ${docker[1] === "docker" ? "docker" : "oci"}-archive:${docker[2]}`,
    });
  const place = parsePlaceArgument(text);
  if (!isFilePlace(place))
    throw new UsageError(
      `Cannot write to "${text}": this version writes oci:DIR, oci-archive:FILE and docker-archive:FILE`,
      { hint: writeHint(await placeHint(text, place)) },
    );
  checkName(place.name, text);
  // A pipe that another process holds cannot be opened by name, so /dev/stdout is the same as "-".
  const stdout = place.path === "-" || place.path === "/dev/stdout";
  if (stdout && place.transport === "oci")
    throw new UsageError(`Cannot write "${text}": a folder cannot go to standard output`);
  return { place, shown: text, stdout };
}

function checkName(name: string, text: string): void {
  if (name === "" || isTag(name)) return;
  if (/^(?:@|sha256:|sha512:)/.test(name))
    throw new UsageError(
      `Cannot write "${text}": an image is named by a tag or a reference, its digest comes out of it`,
    );
  let reference: Reference;
  try {
    reference = parseReference(name);
  } catch (error) {
    throw new UsageError(`Cannot write "${text}": ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
  if (reference.digest !== undefined) throw new UsageError(`Cannot write "${text}": the digest comes out of the build`);
}

/** Where an image goes when nothing else was said: `oci-archive:<name>.tar`, here. */
export function defaultDestination(names: readonly string[], context: string): Destination {
  const path = `${fileStem(names, context)}.tar`;
  return { place: { transport: "oci-archive", path, name: "" }, shown: `oci-archive:${path}`, stdout: false };
}

/**
 * Writes content to a place under its names, or under the one that the place itself gives. An
 * archive appears whole or not at all; in a folder names are given last.
 */
export async function writeImageTo(
  destination: Destination,
  { source, descriptor }: Content,
  names: readonly string[],
  { signal, cacheDir, onEvent }: WriteOptions = {},
): Promise<Written> {
  const { place, shown } = destination;
  const begun = performance.now();
  const given = place.name === "" ? names : [place.name];
  const done = (size: number, unchanged: boolean): Written => {
    const ms = performance.now() - begun;
    onEvent?.({ type: "write-done", place: shown, size, unchanged, ms });
    return { place: shown, size, unchanged, ms };
  };

  // Folders check blob by blob what they hold already; archives are compared as a whole.
  const content =
    place.transport === "oci" || destination.stdout ? undefined : contentKey(place.transport, descriptor, given);
  if (content !== undefined && cacheDir !== undefined) {
    const size = await upToDate(cacheDir, place.path, content);
    if (size !== undefined) return done(size, true);
  }

  onEvent?.({ type: "write-start", place: shown });
  let bytes = 0;
  const counted = tapSource(source, () => ({
    onBytes: (more) => {
      bytes += more;
      onEvent?.({ type: "write-progress", place: shown, done: bytes });
    },
  }));
  const size = await write(place, destination.stdout, counted, descriptor, given, { signal }).catch(
    (error: unknown) => {
      // What the system says names no file when the disk is full.
      throw isSystemError(error) ? new BuildError("OUTPUT", `Cannot write ${shown}`, { cause: error }) : error;
    },
  );
  if (content !== undefined && cacheDir !== undefined) await recordOutput(cacheDir, place.path, content);
  return done(size ?? bytes, false);
}

/** Fails early when `destination` can certainly not be written: before work is done for it. */
export async function checkDestination({ place, stdout, shown }: Destination): Promise<void> {
  if (stdout) return;
  if (place.transport === "oci") {
    const found = await stat(place.path).catch(() => undefined);
    if (found !== undefined && !found.isDirectory())
      throw new UsageError(`Cannot write "${shown}": it is a file, and oci: names a folder`);
    return;
  }
  await using _ = await (place.transport === "docker-archive" ? DockerArchiveSink : OciArchiveSink).create(place.path);
}

// Returns the size of an archive.
async function write(
  place: FilePlace,
  stdout: boolean,
  source: Source,
  root: Descriptor,
  names: readonly string[],
  options: Options,
): Promise<number | undefined> {
  if (place.transport === "oci") {
    const store = await LayoutStore.create(place.path);
    await copy(source, store, root, options);
    if (names.length === 0) await store.keep(root, options);
    await tagAll(store, root, names, options);
    return undefined;
  }
  const output = stdout ? process.stdout : place.path;
  await using sink = await (place.transport === "docker-archive" ? DockerArchiveSink : OciArchiveSink).create(output);
  await copy(source, sink, root, options);
  await tagAll(sink, root, names, options);
  return (await sink.finish(options)).size;
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && ("syscall" in error || isSystemError(error.cause));
}

async function tagAll(sink: Sink, root: Descriptor, names: readonly string[], options: Options): Promise<void> {
  for (const name of names) await sink.tag(root, name, options);
}

// The hints for reading talk of fetching and saving, which is of no use here.
function writeHint(hint: string): string {
  return /^(?:To name|Did you mean)/.test(hint)
    ? hint
    : "Write a file with --output oci-archive:FILE, then hand it to skopeo or your engine";
}
