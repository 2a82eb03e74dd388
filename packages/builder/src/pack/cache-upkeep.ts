import { lstatSync, readdirSync, readFileSync, rmSync, type Stats, statSync } from "node:fs";
import { join } from "node:path";
import { isAbandoned } from "./blob-file.ts";

/** What a cache folder holds. */
export interface CacheStats {
  /** Blobs: layers, the documents of images, and what ADD fetched. */
  readonly blobs: number;
  /** Bytes of them. */
  readonly bytes: number;
  /** Records of layers, and of what URLs gave. */
  readonly records: number;
  /** Bytes that builds, running or killed, have not finished. */
  readonly temporaryBytes: number;
  /** Folders that steps of Dockerfiles keep things in (`RUN --mount=type=cache`). */
  readonly mounts: number;
  /** Bytes in them. */
  readonly mountBytes: number;
}

/** Something that takes room, and can be made again. */
export interface Prunable {
  readonly bytes: number;
  /** When it was used last, in milliseconds since 1970. */
  readonly usedMs: number;
  /** Whether it is gone then: what is in use stays. */
  remove(): boolean | Promise<boolean>;
}

export interface PruneOptions {
  /** Remove what was not used for so long. Default: nothing goes for its age. */
  readonly maxAgeMs?: number | undefined;
  /** Then remove what was not used for longest, until all takes no more. Default: no limit. */
  readonly maxBytes?: number | undefined;
  /** What counts as well, and may go. Default: nothing. */
  readonly others?: readonly Prunable[] | undefined;
}

export interface PruneResult {
  /** How many blobs, folders of mounts and others were removed. */
  readonly removed: number;
  /** Bytes of them. */
  readonly bytes: number;
}

export function cacheStats(folder: string): CacheStats {
  const blobs = files(join(folder, "blobs/sha256"));
  const mounts = mountFolders(folder);
  return {
    blobs: blobs.length,
    bytes: sum(blobs),
    records: recordFiles(folder).length,
    temporaryBytes: sum(files(join(folder, "tmp"))),
    mounts: mounts.length,
    mountBytes: mounts.reduce((total, { bytes }) => total + bytes, 0),
  };
}

/**
 * Make room: leftovers of killed builds, what was not used lately, and records of layers that are gone. A build that
 * runs meanwhile may have to pack a layer again, and loses what it keeps in mounts.
 */
export async function pruneCache(
  folder: string,
  { maxAgeMs, maxBytes = Infinity, others = [] }: PruneOptions = {},
): Promise<PruneResult> {
  for (const { path } of files(join(folder, "tmp"))) if (isAbandoned(path)) rmSync(path, { force: true });

  const oldest = maxAgeMs === undefined ? Number.NEGATIVE_INFINITY : Date.now() - maxAgeMs;
  const all = [...blobsOf(folder), ...mountFolders(folder), ...others].sort((a, b) => a.usedMs - b.usedMs);
  let left = all.reduce((total, one) => total + one.bytes, 0);
  let removed = 0;
  let bytes = 0;
  for (const one of all) {
    if (one.usedMs >= oldest && left <= maxBytes) break;
    if (!(await one.remove())) continue;
    left -= one.bytes;
    bytes += one.bytes;
    removed += 1;
  }

  const present = new Set(files(join(folder, "blobs/sha256")).map(({ name }) => name));
  for (const { path } of recordFiles(folder)) {
    const blob = /"digest":"sha256:([0-9a-f]{64})"/.exec(readText(path))?.[1];
    if (blob === undefined || !present.has(blob)) rmSync(path, { force: true });
  }
  for (const { path, stat } of knowledge(folder)) if (stat.mtimeMs < oldest) rmSync(path, { force: true });
  return { removed, bytes };
}

/** Remove every layer and everything known of earlier builds. */
export async function clearCache(folder: string, options: Pick<PruneOptions, "others"> = {}): Promise<PruneResult> {
  const result = await pruneCache(folder, { ...options, maxBytes: -1 });
  for (const { path } of knowledge(folder)) rmSync(path, { force: true });
  return result;
}

interface FoundFile {
  readonly name: string;
  readonly path: string;
  readonly stat: Stats;
}

function recordFiles(folder: string): FoundFile[] {
  return ["layers/stat", "layers/content", "layers/shape", "layers/plan", "layers/run", "downloads"].flatMap((name) =>
    files(join(folder, name)),
  );
}

/** What is known of layers, archives, installed packages, outputs and names in registries: it stands for no blob. */
function knowledge(folder: string): FoundFile[] {
  return ["layers/listing", "archives", "indexes", "installed", "outputs", "references"].flatMap((name) =>
    files(join(folder, name)),
  );
}

function blobsOf(folder: string): readonly Prunable[] {
  return files(join(folder, "blobs/sha256")).map(({ path, stat }) => ({
    bytes: stat.size,
    usedMs: stat.mtimeMs,
    remove: () => {
      rmSync(path, { force: true });
      return true;
    },
  }));
}

/** Where steps keep things, by what their mounts are called: see `prepareMount`. */
function mountFolders(folder: string): readonly Prunable[] {
  const place = join(folder, "mounts");
  return namesIn(place).map((name) => ({
    bytes: bytesBelow(join(place, name)),
    usedMs: lstatSync(join(place, name)).mtimeMs,
    remove: () => {
      rmSync(join(place, name), { recursive: true, force: true });
      return true;
    },
  }));
}

function bytesBelow(path: string): number {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat?.isDirectory() !== true) return stat?.size ?? 0;
  return namesIn(path).reduce((total, name) => total + bytesBelow(join(path, name)), 0);
}

/** Of a folder that may not be there, or be closed to who asks. */
function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** The files of a folder that may not be there, or lose files while we look. */
function files(folder: string): FoundFile[] {
  const names = statSync(folder, { throwIfNoEntry: false }) === undefined ? [] : readdirSync(folder);
  return names.flatMap((name) => {
    const path = join(folder, name);
    const stat = statSync(path, { throwIfNoEntry: false });
    return stat?.isFile() === true ? [{ name, path, stat }] : [];
  });
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function sum(found: readonly FoundFile[]): number {
  return found.reduce((total, { stat }) => total + stat.size, 0);
}
