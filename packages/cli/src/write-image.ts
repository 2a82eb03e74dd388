import { BuildError } from "@lading/builder";
import {
  copy,
  copyReferrers,
  type Descriptor,
  type Digest,
  DockerArchiveSink,
  type FilePlace,
  LayoutStore,
  OciArchiveSink,
  OciError,
  type Options,
  type Reference,
  type Sink,
  type Source,
  tapSource,
} from "@lading/oci";
import type { Artifact } from "@lading/trust";
import { dirname } from "node:path";
import { refuseSeveral } from "./choose-platforms.ts";
import type { Destination, FileDestination, RegistryDestination } from "./destination.ts";
import type { EnginePool } from "./engine-pool.ts";
import { mountable } from "./mountable.ts";
import { contentKey, recordOutput, upToDate } from "./output-record.ts";
import type { BlobOutcome } from "./progress/blob-events.ts";
import type { ProgressEvent } from "./progress/progress.ts";
import { withReferrersOf } from "./referrer-source.ts";
import { attempting, type Registries } from "./registries.ts";
import { Spool } from "./spool.ts";
import { Transfer } from "./transfer.ts";
import { UsageError } from "./usage.ts";

/** What is to be written: everything under `descriptor`. */
export interface Content {
  readonly source: Source;
  readonly descriptor: Descriptor;
}

/** What became of a destination. */
export interface Written {
  readonly place: string;
  /** Bytes: of an archive all of it, of a folder or a registry what was added. */
  readonly size: number;
  /** It held this image under these names already, and was not touched. */
  readonly unchanged: boolean;
  /** Of a copy from or to a registry: blobs and documents by what became of them. */
  readonly blobs?: Readonly<Record<BlobOutcome, number>>;
  /** Signatures, SBOMs and attestations that came along. */
  readonly referrers?: number;
  /** Milliseconds. */
  readonly ms: number;
}

export interface WriteOptions extends Options {
  /** Where to look whether the destination is up to date; it is always written when not given. */
  readonly cacheDir?: string | undefined;
  readonly onEvent?: ((event: ProgressEvent) => void) | undefined;
  /** Where registries are reached; needed for a registry. */
  readonly registries?: Registries | undefined;
  /** Engines that are open already. Default: each is opened when it is needed. */
  readonly engines?: EnginePool | undefined;
  /** Whether to tell of each blob, as is due when it comes over a network; for a registry it is always done. */
  readonly remote?: boolean | undefined;
  /** Whether what refers to the content comes along: signatures, SBOMs, attestations. Default: false. */
  readonly referrers?: boolean | undefined;
  /** The digests of all that refers to the content, where they are known: then an archive that holds it can be told. */
  readonly known?: readonly Digest[] | undefined;
}

/**
 * Writes content to a place under its names, or under the one that the place itself gives. An
 * archive appears whole or not at all; in folders and registries names are given last.
 */
export async function writeImageTo(
  destination: Destination,
  content: Content,
  names: readonly string[],
  options: WriteOptions = {},
): Promise<Written> {
  if (destination.kind === "registry") return await writeToRegistry(destination, content, options);
  if (destination.kind === "engine") {
    const { writeToEngine } = await import("./write-engine.ts");
    return await writeToEngine(destination, content, names, options);
  }
  return await writeToFile(destination, content, names, options);
}

export interface WriteAllOptions extends WriteOptions {
  /** What is to lie beside the content at a destination. Default: what `referrers` brings along. */
  readonly artifactsFor?: ((destination: Destination) => Promise<readonly Artifact[]>) | undefined;
}

/** Writes content to one place after the other; what one repository of a registry got, the next one mounts. */
export async function writeImageToAll(
  destinations: readonly Destination[],
  content: Content,
  names: readonly string[],
  { artifactsFor, ...options }: WriteAllOptions = {},
): Promise<readonly Written[]> {
  const written: Written[] = [];
  const pushed: Reference[] = [];
  for (const destination of destinations) {
    const artifacts = await artifactsFor?.(destination);
    const { source, descriptor } = artifacts === undefined ? content : await beside(content, artifacts);
    const registry = destination.kind === "registry" ? destination.reference.registry : undefined;
    const from = registry === undefined ? source : withReferrersOf(source, mountable(source, registry, pushed));
    const own = artifacts && { referrers: true, known: artifacts.map((artifact) => artifact.descriptor.digest) };
    written.push(await writeImageTo(destination, { source: from, descriptor }, names, { ...options, ...own }));
    if (destination.kind === "registry") pushed.push(destination.reference);
  }
  return written;
}

async function beside(content: Content, artifacts: readonly Artifact[]): Promise<Content> {
  const { withArtifacts } = await import("./attest/with-artifacts.ts");
  return await withArtifacts(content, artifacts);
}

async function writeToFile(
  { place, shown, stdout }: FileDestination,
  { source, descriptor }: Content,
  names: readonly string[],
  { signal, cacheDir, onEvent, remote = false, referrers = false, known }: WriteOptions,
): Promise<Written> {
  const begun = performance.now();
  const given = place.name === "" ? names : [place.name];
  const done = (written: Omit<Written, "place" | "ms">): Written => {
    const all = { place: shown, ...written, ms: performance.now() - begun };
    onEvent?.({ type: "write-done", ...all });
    return all;
  };

  // Folders check blob by blob what they hold already; archives are compared as a whole.
  // What refers to an image may become more while the image stays as it is.
  const comparable =
    place.transport !== "oci" && !stdout && (!referrers || known !== undefined || place.transport === "docker-archive");
  const content = comparable ? contentKey(place.transport, descriptor, given, known) : undefined;
  if (content !== undefined && cacheDir !== undefined) {
    const size = await upToDate(cacheDir, place.path, content);
    if (size !== undefined) return done({ size, unchanged: true });
  }

  onEvent?.({ type: "write-start", place: shown });
  let bytes = 0;
  const tap = {
    onBytes: (more: number): void => {
      bytes += more;
      if (!remote) onEvent?.({ type: "write-progress", place: shown, done: bytes });
    },
  };
  const counted = withReferrersOf(
    source,
    tapSource(source, () => tap),
  );
  const transfer = new Transfer(shown, {
    signal,
    onEvent: remote ? onEvent : undefined,
    // A docker-archive has no place for what is no image.
    referrers: referrers && place.transport !== "docker-archive",
  });
  if (place.transport === "docker-archive") await refuseSeveral({ source, descriptor }, { signal });
  const { size, same } = await writeFile(place, stdout, counted, descriptor, given, transfer, remote).catch(
    (error: unknown) => {
      // What the system says names no file when the disk is full.
      throw isSystemError(error) ? new BuildError("OUTPUT", `Cannot write ${shown}`, { cause: error }) : error;
    },
  );
  if (content !== undefined && cacheDir !== undefined) await recordOutput(cacheDir, place.path, content);
  return done({
    size: size ?? bytes,
    unchanged: remote && same && transfer.unchanged,
    ...(remote ? transfer.report() : {}),
  });
}

// Returns the size of an archive, and whether a folder had all the names before.
async function writeFile(
  place: FilePlace,
  stdout: boolean,
  source: Source,
  root: Descriptor,
  names: readonly string[],
  transfer: Transfer,
  remote: boolean,
): Promise<{ readonly size?: number; readonly same: boolean }> {
  const { options } = transfer;
  if (place.transport === "oci") {
    const store = await LayoutStore.create(place.path);
    await transfer.copy(source, store, root);
    const before = JSON.stringify(await store.list());
    if (names.length === 0) await store.keep(root, options);
    await tagAll(store, root, names, options);
    return { same: JSON.stringify(await store.list()) === before };
  }
  const output = stdout ? process.stdout : place.path;
  await using sink = await (place.transport === "docker-archive" ? DockerArchiveSink : OciArchiveSink).create(output);
  if (remote) {
    // An archive takes one blob after the other, and cannot go back: what a network brings is gathered first.
    await using spool = await Spool.create(stdout ? undefined : dirname(place.path));
    await transfer.copy(source, spool.store, root);
    await copy(spool.source, sink, root, options);
    if (sink instanceof OciArchiveSink) {
      // A list of what refers to it would not name the image itself, when it has no name.
      if (names.length === 0) await sink.keep(root);
      await copyReferrers(spool.store, sink, root, options);
    }
    await tagAll(sink, root, names, options);
    return { ...(await sink.finish(options)), same: false };
  }
  if (sink instanceof OciArchiveSink && names.length === 0) await sink.keep(root);
  await transfer.copy(source, sink, root);
  await tagAll(sink, root, names, options);
  return { ...(await sink.finish(options)), same: false };
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && ("syscall" in error || isSystemError(error.cause));
}

async function tagAll(sink: Sink, root: Descriptor, names: readonly string[], options: Options): Promise<void> {
  for (const name of names) await sink.tag(root, name, options);
}

async function writeToRegistry(
  { reference, tags, digest, shown }: RegistryDestination,
  { source, descriptor }: Content,
  { signal, onEvent, registries, referrers = false }: WriteOptions,
): Promise<Written> {
  if (registries === undefined) throw new TypeError("A registry cannot be written without `registries`");
  if (digest !== undefined && digest !== descriptor.digest)
    throw new UsageError(`Cannot write "${shown}": the content is ${descriptor.digest}`);
  const begun = performance.now();
  onEvent?.({ type: "write-start", place: shown });
  const repository = await registries.repository(reference);
  const transfer = new Transfer(shown, { signal, onEvent, referrers });
  const unchanged = await attempting(`Cannot push ${shown}`, async () => {
    await transfer.copy(source, repository, descriptor);
    let same = transfer.unchanged;
    for (const tag of tags) {
      // One HEAD tells whether a tag has to move; what was just sent has none.
      if (same && (await digestOf(repository, tag, { signal })) === descriptor.digest) continue;
      same = false;
      await repository.tag(descriptor, tag, { signal });
    }
    return same;
  });
  const written = {
    place: shown,
    size: transfer.bytes,
    unchanged,
    ...transfer.report(),
    ms: performance.now() - begun,
  };
  onEvent?.({ type: "write-done", ...written });
  return written;
}

/** The digest that a name has at a place; undefined when there is none. */
export async function digestOf(source: Source, name: string, options: Options = {}): Promise<Digest | undefined> {
  try {
    return (await source.resolve(name, options)).digest;
  } catch (error) {
    if (error instanceof OciError && error.code === "NOT_FOUND") return undefined;
    throw error;
  }
}
