import { RunnerError } from "../errors.ts";
import type { RootedFiles } from "./rooted-files.ts";

/** What is copied: whether it is a folder, and what its path asks for. */
export interface CopySource {
  readonly isFolder: boolean;
  /** The last name of the path; "" for the root. */
  readonly name: string;
  /** Whether the path ends in `/.`: what is in the folder is meant, and not the folder. */
  readonly contents: boolean;
}

/** The last name of a path, and whether it asks for the contents of a folder. */
export function copySource(path: string, isFolder: boolean): CopySource {
  const names = path.split("/").filter((name) => name !== "" && name !== ".");
  const last = names.at(-1) ?? "";
  return { isFolder, name: last === ".." ? "" : last, contents: path === "." || path.endsWith("/.") };
}

/**
 * Where a source lands, as `docker cp` has it: the path that its entries follow, from the root of
 * `files`. Something is copied into a folder that is there under its own name, the contents of a
 * folder without it; and else to the name that was asked for, whose folder must be there. A link that
 * leads to the destination is followed. Throws RunnerError SPEC when the two do not go together.
 */
export async function destinationOf(files: RootedFiles, path: string, source: CopySource): Promise<string> {
  const status = await files.status(path, { follow: true });
  // What is not there may be asked for as a folder.
  await using found = await files.locate(status === undefined ? path.replace(/\/+\.?$/, "") : path, { follow: true });
  const wrong = (detail: string): RunnerError => new RunnerError("SPEC", `Cannot copy to "${path}": ${detail}`);
  if (status?.type === "directory") {
    if (source.isFolder && source.contents) return found.path;
    return source.name === "" ? found.path : `${found.path}/${source.name}`;
  }
  if (source.isFolder) {
    if (status !== undefined) throw wrong("a folder cannot take the place of a file");
    return found.path;
  }
  if (/\/\.?$/.test(path)) throw wrong("there is no such folder");
  return found.path;
}
