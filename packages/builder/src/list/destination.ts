import { BuildError } from "../errors.ts";

/** Where an `add` puts things. */
export interface Destination {
  /** As entries have it: no slash at the ends, "" for the image's root. */
  readonly path: string;
  /** Whether it is written as a folder: it ends in a slash or a dot. */
  readonly folder: boolean;
}

/** Reads a `dest`: relative paths start at the root. Throws BuildError SPEC when it climbs out of the image. */
export function parseDestination(dest: string): Destination {
  if (dest === "" || dest.includes("\0"))
    throw new BuildError("SPEC", `Cannot use dest "${dest}": expected a path in the image`);
  const parts: string[] = [];
  for (const part of dest.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined)
      throw new BuildError("SPEC", `Cannot use dest "${dest}": leads out of the image`);
  }
  return { path: parts.join("/"), folder: parts.length === 0 || /(?:^|\/)(?:\.\.?)?$/.test(dest) };
}

/** The path of an add that is one thing and not a folder's contents. Throws BuildError SPEC. */
export function fileDestination(dest: string, what: string): string {
  const { path, folder } = parseDestination(dest);
  if (folder)
    throw new BuildError("SPEC", `Cannot put ${what} at "${dest}": that is a folder`, {
      hint: "End dest with its name",
    });
  return path;
}
