import { createHash } from "node:crypto";
import { readFileSync, type Stats } from "node:fs";
import { join } from "node:path";
import { makeFolder } from "@lading/oci";
import * as z from "zod";
import type { ArchiveMember } from "./archive.ts";
import { replaceFile } from "../pack/blob-file.ts";

/** What is remembered of an archive, so that one that has not changed need not be read to know what is in it. */
export interface ArchiveRecord {
  readonly digest: string;
  readonly members: readonly ArchiveMember[];
}

const headerSchema = z.object({
  path: z.string(),
  type: z.enum(["file", "hardlink", "symlink", "char", "block", "directory", "fifo"]),
  mode: z.number(),
  uid: z.number(),
  gid: z.number(),
  uname: z.string(),
  gname: z.string(),
  size: z.number(),
  mtime: z.number(),
  linkname: z.string(),
  devmajor: z.number(),
  devminor: z.number(),
  xattrs: z
    .array(z.tuple([z.string(), z.base64()]))
    .transform((pairs) => new Map(pairs.map(([name, value]) => [name, Buffer.from(value, "base64")]))),
});
const hex = z.string().regex(/^[0-9a-f]{64}$/);
const zippedSchema = z.object({ deflated: z.boolean(), size: z.number(), crc32: z.number(), digest: hex });
const recordSchema = z.object({
  version: z.literal(1),
  digest: hex,
  members: z.array(z.object({ offset: z.number(), header: headerSchema, zipped: zippedSchema.optional() })),
});

/** What is remembered of the file at `path`, if it still is that file. What is damaged is as good as nothing. */
export function recallArchive(cacheDir: string, path: string, stat: Stats): ArchiveRecord | undefined {
  try {
    return recordSchema.parse(JSON.parse(readFileSync(recordPath(cacheDir, path, stat), "utf8")));
  } catch {
    return undefined;
  }
}

/** Remembers an archive that was read from `startedAt` on (Date.now()). */
export function rememberArchive(
  cacheDir: string,
  path: string,
  stat: Stats,
  startedAt: number,
  { digest, members }: ArchiveRecord,
): void {
  // Whoever writes within the clock's granularity can do so without leaving a trace (FAT counts two seconds).
  if (stat.ctimeMs > startedAt - 2000) return;
  const plain = members.map(({ offset, header, zipped }) => ({
    offset,
    zipped,
    header: {
      ...header,
      xattrs: Array.from(header.xattrs, ([name, value]) => [name, Buffer.from(value).toString("base64")]),
    },
  }));
  const file = recordPath(cacheDir, path, stat);
  const temporary = join(cacheDir, "tmp");
  for (const folder of [join(cacheDir, "archives"), temporary]) makeFolder(folder);
  replaceFile(file, JSON.stringify({ version: 1, digest, members: plain }), temporary);
}

function recordPath(cacheDir: string, path: string, { size, mtimeMs, ctimeMs, ino, dev }: Stats): string {
  const key = createHash("sha256").update(JSON.stringify([path, size, mtimeMs, ctimeMs, ino, dev]));
  return join(cacheDir, "archives", key.digest("hex"));
}
