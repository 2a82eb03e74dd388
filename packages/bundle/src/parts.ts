import { readFile, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { type Digest, Digester, isDigest, OciError, type Options, parseJson } from "@lading/oci";
import { createReadStream } from "node:fs";
import { z } from "zod";

/** A part of a bundle that was split. */
export interface Part {
  /** Name of its file, beside the list of parts. */
  readonly file: string;
  /** Bytes. */
  readonly size: number;
  readonly digest: Digest;
}

/** What `FILE.parts.json` says: which files, one after the other, make a bundle. */
export interface PartList {
  /** The digest of the bundle; not there while it is being written. */
  readonly bundle?: Digest | undefined;
  /** What is to be in it: an interrupted write of the same goes on from the parts that are there. */
  readonly content: Digest;
  /** Bytes of each part but the last. */
  readonly partSize: number;
  readonly parts: readonly Part[];
}

/** Where the list of parts of `file` is. */
export function partListPath(file: string): string {
  return `${file}.parts.json`;
}

/** The file name of a part: `site.tar.000`. */
export function partName(file: string, position: number): string {
  return `${basename(file)}.${String(position).padStart(3, "0")}`;
}

/** A bundle on disk: one file, or several and their list. */
export interface BundleFiles {
  /** What it is called, whether a file has that name or not. */
  readonly file: string;
  readonly list: PartList | undefined;
  /** Paths of parts that were named, by file name: they need not lie beside the list. */
  readonly named?: ReadonlyMap<string, string>;
}

/**
 * Finds a bundle by its name, its list of parts, or any part of it; by several of those, in any
 * order, also where its parts are in several folders. Throws OciError.
 */
export async function findBundle(given: string | readonly string[]): Promise<BundleFiles> {
  const paths = [given].flat();
  const found = await Promise.all(paths.map(findOne));
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  const files = found.find(({ list }) => list !== undefined);
  if (files?.list === undefined)
    throw new OciError(
      "INVALID_ARCHIVE",
      `Cannot read ${paths.join(" and ")} as one bundle: no list of parts is beside any`,
      {
        hint: "Name one bundle; of one in parts, name FILE.parts.json as well",
      },
    );
  const { file, list } = files;
  const names = new Set(list.parts.map((part) => part.file));
  const named = new Map<string, string>();
  for (const [at, path] of paths.entries()) {
    const name = basename(path);
    const other = found[at]?.list;
    const isOther = other !== undefined && JSON.stringify(other) !== JSON.stringify(list);
    if (isOther || !(names.has(name) || name === basename(file) || name === basename(partListPath(file))))
      throw new OciError("INVALID_ARCHIVE", `Cannot read ${file}: ${path} is no part of it`, {
        hint: `Its parts are ${list.parts.map((part) => part.file).join(", ")}`,
      });
    if (named.has(name))
      throw new OciError("AMBIGUOUS", `Cannot read ${file}: ${named.get(name)} and ${path} are the same part`);
    if (names.has(name)) named.set(name, path);
  }
  return { file, list, named };
}

async function findOne(given: string): Promise<BundleFiles> {
  const file = given.replace(/\.parts\.json$/, "");
  const whole = /^(.*)\.\d{3,4}$/.exec(file)?.[1];
  if (file === given && (await isFile(given)) && (whole === undefined || !(await isFile(partListPath(whole)))))
    return { file, list: undefined };
  const named = whole !== undefined && (await isFile(partListPath(whole))) ? whole : file;
  if (await isFile(partListPath(named))) return { file: named, list: await readPartList(named) };
  if (await isFile(join(dirname(named), partName(named, 0))))
    throw new OciError("NOT_FOUND", `Cannot read ${named}: its parts are here, and ${partListPath(named)} is not`, {
      hint: `Copy it here as well; without it, \`cat ${basename(named)}.[0-9]* > ${basename(named)}\` makes one file of them`,
    });
  if ((await stat(given).catch(() => undefined))?.isDirectory() === true)
    throw new OciError("INVALID_ARCHIVE", `Cannot read ${given}: it is a folder, and a bundle is a file`);
  throw new OciError("NOT_FOUND", `Cannot find ${given}`);
}

/** Where a part is. */
function partPath({ file, named }: BundleFiles, name: string): string {
  return named?.get(name) ?? join(dirname(file), name);
}

/** Reads a list of parts, finished or not. Throws OciError INVALID_DOCUMENT. */
export async function readPartList(file: string): Promise<PartList> {
  const path = partListPath(file);
  const found = listSchema.safeParse(parseJson(await readFile(path), { what: path }), { jitless: true });
  if (!found.success)
    throw new OciError(
      "INVALID_DOCUMENT",
      `Cannot read ${path}: ${found.error.issues[0]?.message ?? "not a list of parts"}`,
    );
  return found.data;
}

/**
 * The paths of all parts, when each is there with all its bytes. Throws OciError NOT_FOUND or
 * INVALID_ARCHIVE, which say what is wrong with which.
 */
export async function partPaths(files: BundleFiles): Promise<readonly string[] | undefined> {
  const { file, list } = files;
  if (list === undefined) return undefined;
  if (list.bundle === undefined)
    throw new OciError("INVALID_ARCHIVE", `Cannot read ${file}: it was not written to its end`, {
      hint: "Run the same `lading bundle create` again: it goes on where it was interrupted",
    });
  const paths = list.parts.map((part) => partPath(files, part.file));
  const missing: string[] = [];
  for (const [at, part] of list.parts.entries()) {
    const info = await stat(paths[at] ?? "").catch(() => undefined);
    if (info === undefined) missing.push(part.file);
    else if (info.size !== part.size)
      throw new OciError(
        "INVALID_ARCHIVE",
        `Cannot read ${file}: ${part.file} has ${info.size} of ${part.size} bytes`,
        {
          hint: "Copy this part again from the medium",
        },
      );
  }
  if (missing.length > 0)
    throw new OciError(
      "NOT_FOUND",
      `Cannot read ${file}: of its ${list.parts.length} parts, ${missing.join(", ")} ${missing.length === 1 ? "is" : "are"} missing`,
      {
        hint: `Copy all parts into one folder, beside ${basename(partListPath(file))}, or name those that are elsewhere as well`,
      },
    );
  return paths;
}

export interface VerifyPartsOptions extends Options {
  /** So many bytes more were read. */
  readonly onBytes?: ((count: number) => void) | undefined;
}

/** Holds each part against its digest. Throws OciError DIGEST_MISMATCH, which says of parts in the wrong order which is which. */
export async function verifyParts(files: BundleFiles, { signal, onBytes }: VerifyPartsOptions = {}): Promise<void> {
  const { file, list } = files;
  for (const { file: name, digest } of list?.parts ?? []) {
    const actual = await digestOfFile(partPath(files, name), { signal, onBytes });
    if (actual === digest) continue;
    const other = list?.parts.find((part) => part.digest === actual);
    if (other !== undefined)
      throw new OciError("DIGEST_MISMATCH", `Cannot trust ${file}: ${name} holds what belongs into ${other.file}`, {
        hint: "The parts are in the wrong order: give each the name that it had",
      });
    throw new OciError(
      "DIGEST_MISMATCH",
      `Cannot trust ${file}: ${name} was changed or damaged: it is ${actual}, and not ${digest}`,
      {
        hint: "Copy this part again from the medium",
      },
    );
  }
}

/** Hashes a file from its beginning to its end. */
export async function digestOfFile(path: string, { signal, onBytes }: VerifyPartsOptions = {}): Promise<Digest> {
  const digester = new Digester();
  for await (const chunk of chunksOf(path, signal)) {
    digester.update(chunk);
    onBytes?.(chunk.byteLength);
  }
  return digester.digest();
}

function chunksOf(path: string, signal: AbortSignal | undefined): AsyncIterable<Uint8Array> {
  return createReadStream(path, { highWaterMark: 1024 * 1024, signal });
}

/** Removes a split bundle, finished or not, with what an interrupted write has left beside it. */
export async function removeParts(file: string): Promise<void> {
  const list = await readPartList(file).catch(() => undefined);
  if (list === undefined) return;
  const next = partName(file, list.parts.length);
  // Of an unfinished one another part may have been begun, or written before the list could say so.
  const begun = list.bundle === undefined ? [next, `${next}.unfinished`] : [];
  // Only what such a write makes: a list from elsewhere may name anything.
  const written = list.parts.flatMap((part, position) => (part.file === partName(file, position) ? part.file : []));
  const names = [...written, ...begun];
  for (const name of names) await rm(join(dirname(file), name), { force: true });
  for (const path of [partListPath(file), `${partListPath(file)}.unfinished`]) await rm(path, { force: true });
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() === true;
}

const digestSchema = z.string().refine(isDigest, "not a digest");
const listSchema = z.strictObject({
  bundle: digestSchema.optional(),
  content: digestSchema,
  partSize: z.int().positive(),
  parts: z.array(
    z.strictObject({
      // Beside the list, wherever that is: a name that leads elsewhere is none.
      file: z.string().regex(/^[^/\0]+\.\d{3,4}$/, "not the name of a part"),
      size: z.int().nonnegative(),
      digest: digestSchema,
    }),
  ),
});
