import { readdirSync, readFileSync, rmSync, type Stats, statSync } from "node:fs";
import { join } from "node:path";
import { isAbandoned } from "./blob-file.ts";

/** What a cache folder holds. */
export interface CacheStats {
  /** Blobs: layers, and the documents of images. */
  readonly blobs: number;
  /** Bytes of them. */
  readonly bytes: number;
  /** Records of layers. */
  readonly records: number;
  /** Bytes that builds, running or killed, have not finished. */
  readonly temporaryBytes: number;
}

export interface PruneOptions {
  /** Remove what was not used for so long. Default: nothing goes for its age. */
  readonly maxAgeMs?: number | undefined;
  /** Then remove what was not used for longest, until the blobs take no more. Default: no limit. */
  readonly maxBytes?: number | undefined;
}

export interface PruneResult {
  /** Blobs removed. */
  readonly removed: number;
  /** Bytes of them. */
  readonly bytes: number;
}

export function cacheStats(folder: string): CacheStats {
  const blobs = files(join(folder, "blobs/sha256"));
  return {
    blobs: blobs.length,
    bytes: sum(blobs),
    records: recordFiles(folder).length,
    temporaryBytes: sum(files(join(folder, "tmp"))),
  };
}

/**
 * Make room: leftovers of killed builds, blobs that were not used lately, and records of
 * layers that are gone. A build that runs meanwhile may have to pack a layer again.
 */
export function pruneCache(folder: string, { maxAgeMs, maxBytes = Infinity }: PruneOptions = {}): PruneResult {
  for (const { path } of files(join(folder, "tmp"))) if (isAbandoned(path)) rmSync(path, { force: true });

  const oldest = maxAgeMs === undefined ? Number.NEGATIVE_INFINITY : Date.now() - maxAgeMs;
  const blobs = files(join(folder, "blobs/sha256")).sort((a, b) => a.stat.mtimeMs - b.stat.mtimeMs);
  let left = sum(blobs);
  let removed = 0;
  let bytes = 0;
  for (const { path, stat } of blobs) {
    if (stat.mtimeMs >= oldest && left <= maxBytes) break;
    rmSync(path, { force: true });
    left -= stat.size;
    bytes += stat.size;
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
export function clearCache(folder: string): PruneResult {
  const result = pruneCache(folder, { maxBytes: -1 });
  for (const { path } of knowledge(folder)) rmSync(path, { force: true });
  return result;
}

interface FoundFile {
  readonly name: string;
  readonly path: string;
  readonly stat: Stats;
}

function recordFiles(folder: string): FoundFile[] {
  return ["stat", "content", "shape", "run"].flatMap((kind) => files(join(folder, "layers", kind)));
}

/** What is known of earlier builds' layers, of archives and of names in registries: it stands for no blob. */
function knowledge(folder: string): FoundFile[] {
  return ["layers/listing", "archives", "references"].flatMap((name) => files(join(folder, name)));
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
