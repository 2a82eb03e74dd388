import { lstatSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { CompressPool } from "./compress-pool.ts";
import { parseCompression } from "./compression.ts";
import type { LayerEntry, LayerPlan } from "../entry.ts";
import { LayerCache } from "./layer-cache.ts";
import type { PackOptions } from "./pack.ts";

/** A folder that goes with the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "lading-pack-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A file on disk as listing finds it now. */
export function diskEntry(file: string, path: string): LayerEntry & { type: "file" } {
  const { size, mtimeMs, ctimeMs, ino, dev, mode } = lstatSync(file);
  const stat = { size, mtimeMs, ctimeMs, ino, dev, mode };
  return {
    type: "file",
    path,
    mode: 0o644,
    uid: 0,
    gid: 0,
    mtime: 1,
    size,
    content: { kind: "disk", path: file, stat },
  };
}

export function literal(path: string, content: string | Uint8Array): LayerEntry & { type: "file" } {
  const bytes = Buffer.from(content);
  const meta = { path, mode: 0o644, uid: 0, gid: 0, mtime: 1 };
  return { ...meta, type: "file", size: bytes.length, content: { kind: "literal", bytes } };
}

/** A folder of files, links and folders as listing finds it now. */
export function diskPlan(folder: string): LayerPlan {
  const entries: LayerEntry[] = [];
  for (const found of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    const file = join(found.parentPath, found.name);
    const path = file.slice(folder.length + 1);
    const meta = { path, mode: 0o755, uid: 0, gid: 0, mtime: 1 };
    if (found.isDirectory()) entries.push({ ...meta, type: "directory" });
    else if (found.isSymbolicLink()) entries.push({ ...meta, type: "symlink", linkname: readlinkSync(file) });
    else entries.push(diskEntry(file, path));
  }
  return { name: "files", entries: entries.sort((a, b) => (a.path < b.path ? -1 : 1)) };
}

/** Options for packing into a cache of its own; `listedAt` lies ahead, so times count as settled. */
export async function packOptions(
  options: Partial<Omit<PackOptions, "compression" | "pool">> & { compression?: string; workers?: number } = {},
): Promise<PackOptions> {
  const { compression, workers = 0, ...rest } = options;
  const pool = new CompressPool(workers);
  onTestFinished(() => pool.close());
  const cache = rest.cache ?? (await LayerCache.open(temporaryFolder()));
  return { listedAt: Date.now() + 60_000, ...rest, cache, pool, compression: parseCompression(compression) };
}

/** Bytes that look like a program's: numbers that are the same everywhere, half of them text. */
export function mixedBytes(size: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(size);
  let x = seed;
  for (let at = 0; at < size; at++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    bytes[at] = at & 0x8000 ? x & 0xff : 97 + (x & 7);
  }
  return bytes;
}
