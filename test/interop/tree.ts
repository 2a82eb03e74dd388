import { createHash } from "node:crypto";
import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";

export interface TreeEntry {
  readonly kind: "file" | "directory" | "symlink" | "other";
  /** Octal, with the special bits; symlinks have none of their own. */
  readonly mode?: string;
  readonly uid: number;
  readonly gid: number;
  /** Seconds. */
  readonly mtime: number;
  readonly content?: string;
  readonly target?: string;
  /** Another name of the same file: the first in order of names. */
  readonly sameAs?: string;
}

/** Everything below a folder by its path, in which each byte of a name is one character. */
export async function readTree(root: string): Promise<ReadonlyMap<string, TreeEntry>> {
  const tree = new Map<string, TreeEntry>();
  const names = new Map<number, string>();
  const visit = async (folder: string): Promise<void> => {
    const children = await readdir(Buffer.from(join(root, folder), "latin1"), { encoding: "latin1" });
    for (const name of children.toSorted()) {
      const path = folder === "" ? name : `${folder}/${name}`;
      const entry = await readEntry(root, path, names);
      tree.set(path, entry);
      if (entry.kind === "directory") await visit(path);
    }
  };
  await visit("");
  return tree;
}

async function readEntry(root: string, path: string, names: Map<number, string>): Promise<TreeEntry> {
  const place = Buffer.from(join(root, path), "latin1");
  const stat = await lstat(place);
  const owner = { uid: stat.uid, gid: stat.gid, mtime: Math.floor(stat.mtimeMs / 1000) };
  if (stat.isSymbolicLink())
    return { kind: "symlink", ...owner, target: await readlink(place, { encoding: "latin1" }) };
  const common = { mode: (stat.mode & 0o7777).toString(8), ...owner };
  if (stat.isDirectory()) return { kind: "directory", ...common };
  if (!stat.isFile()) return { kind: "other", ...common };
  const sameAs = names.get(stat.ino);
  names.set(stat.ino, sameAs ?? path);
  const content = createHash("sha256")
    .update(await readFile(place))
    .digest("hex");
  return { kind: "file", ...common, content, ...(sameAs === undefined ? {} : { sameAs }) };
}
