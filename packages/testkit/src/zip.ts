import { buffer } from "node:stream/consumers";
import { ZipFile } from "yazl";

/** A file of a zip; a folder when its path ends with a slash. */
export interface ZipContent {
  readonly path: string;
  /** Default: nothing. */
  readonly content?: string | Uint8Array;
  /** As stat(2) has it, with the kind of file. Default: a file of 0664, a folder of 0775. */
  readonly mode?: number;
  /** Whether it is stored as it is. Default: false. */
  readonly stored?: boolean;
}

export interface ZipOptions {
  /** Whether sizes and places are of 64 bits wherever they can be. Default: false. */
  readonly zip64?: boolean;
  /** Of all that is in it. Default: some day in 2024. */
  readonly mtime?: Date;
}

/** A zip of these files. */
export async function zipOf(
  files: readonly ZipContent[],
  { zip64 = false, mtime = new Date("2024-02-29T12:00:00Z") }: ZipOptions = {},
): Promise<Buffer> {
  const zip = new ZipFile();
  for (const { path, content = "", mode, stored = false } of files) {
    const options = { mtime, ...(mode === undefined ? {} : { mode }) };
    if (path.endsWith("/")) zip.addEmptyDirectory(path, options);
    else zip.addBuffer(Buffer.from(content), path, { ...options, compress: !stored, forceZip64Format: zip64 });
  }
  zip.end({ forceZip64Format: zip64, comment: "" });
  return await buffer(zip.outputStream);
}
