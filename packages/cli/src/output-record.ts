import { createHash, randomUUID } from "node:crypto";
import { readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { type Descriptor, type Digest, makeFolder } from "@lading/oci";
import * as z from "zod";

/*
 * What earlier builds wrote where. An archive that is still the file that was written (same inode,
 * size, mtime and ctime) and holds the same image under the same names is left alone. A record is
 * only believed for a file that looks untouched, so a lost or stale one costs a write, no more.
 */

const recordSchema = z.strictObject({
  version: z.literal(1),
  place: z.string(),
  content: z.string(),
  file: z.strictObject({
    dev: z.number(),
    ino: z.number(),
    size: z.number(),
    mtimeMs: z.number(),
    ctimeMs: z.number(),
  }),
});

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
    // To compile a parser for one record would take longer.
    const record = recordSchema.parse(JSON.parse(await readFile(recordPath(cacheDir, path), "utf8")), {
      jitless: true,
    });
    const file = await fileStamp(path);
    const same = record.content === content && JSON.stringify(record.file) === JSON.stringify(file);
    return same ? file.size : undefined;
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
    await writeFile(
      temporary,
      JSON.stringify({ version: 1, place: resolve(path), content, file: await fileStamp(path) }),
    );
    await rename(temporary, target);
  } catch {
    await rm(temporary, { force: true });
  }
}

function recordPath(cacheDir: string, path: string): string {
  return join(cacheDir, "outputs", `${createHash("sha256").update(resolve(path)).digest("hex")}.json`);
}

async function fileStamp(path: string): Promise<z.output<typeof recordSchema>["file"]> {
  const { dev, ino, size, mtimeMs, ctimeMs } = await stat(path);
  return { dev, ino, size, mtimeMs, ctimeMs };
}
