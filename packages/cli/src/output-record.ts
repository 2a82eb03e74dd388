import { createHash, randomUUID } from "node:crypto";
import { readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { type Descriptor, type Digest, makeFolder } from "@lading/oci";

/*
 * What earlier builds wrote where. An archive that is still the file that was written (same inode,
 * size, mtime and ctime) and holds the same image under the same names is left alone. A record is
 * only believed for a file that looks untouched, so a lost or stale one costs a write, no more.
 */

/** What tells one version of a file from another. */
interface FileStamp {
  readonly dev: number;
  readonly ino: number;
  readonly size: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
}

/** What a written file holds: root, names and what refers to the root, in one comparable text. */
export function contentKey(
  transport: string,
  root: Descriptor,
  names: readonly string[],
  referrers: readonly Digest[] = [],
): string {
  return JSON.stringify([transport, root.digest, names, ...referrers]);
}

/** The size of the file at `path` when it still holds `content` as an earlier build wrote it. */
export async function upToDate(cacheDir: string, path: string, content: string): Promise<number | undefined> {
  try {
    const text = await readFile(recordPath(cacheDir, path), "utf8");
    const file = await fileStamp(path);
    // A record that says anything else is as good as none.
    return text === formatRecord(path, content, file) ? file.size : undefined;
  } catch {
    return undefined;
  }
}

/** Remembers that `path` holds `content`. Best effort: without a record the next build writes again. */
export async function recordOutput(cacheDir: string, path: string, content: string): Promise<void> {
  const target = recordPath(cacheDir, path);
  const temporary = `${target}.${randomUUID()}`;
  try {
    makeFolder(dirname(target));
    await writeFile(temporary, formatRecord(path, content, await fileStamp(path)));
    await rename(temporary, target);
  } catch {
    await rm(temporary, { force: true });
  }
}

function recordPath(cacheDir: string, path: string): string {
  return join(cacheDir, "outputs", `${createHash("sha256").update(resolve(path)).digest("hex")}.json`);
}

function formatRecord(path: string, content: string, file: FileStamp): string {
  return JSON.stringify({ version: 1, place: resolve(path), content, file });
}

async function fileStamp(path: string): Promise<FileStamp> {
  const { dev, ino, size, mtimeMs, ctimeMs } = await stat(path);
  return { dev, ino, size, mtimeMs, ctimeMs };
}
