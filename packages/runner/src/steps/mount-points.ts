import { chmodSync, chownSync, existsSync, mkdirSync, type Stats, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { SeenFiles } from "./seen-files.ts";

/** Something that is going to be mounted. */
export interface MountPoint {
  /** Absolute, resolved. */
  readonly path: string;
  readonly type: "directory" | "file";
}

/**
 * Makes the mount points that `files` lack, in a folder that is laid over them: a runtime would make
 * them in the changes else. Folders above are there as `files` have them, or with mode 0755.
 */
export function makeMountPoints(folder: string, files: SeenFiles, points: readonly MountPoint[]): void {
  const times: (readonly [string, Stats])[] = [];
  const makeFolder = (path: string): void => {
    const made = join(folder, path);
    if (path === "/" || existsSync(made)) return;
    makeFolder(dirname(path));
    mkdirSync(made, { mode: 0o755 });
    const below = files.stat(path);
    if (below === undefined) return chmodSync(made, 0o755);
    chownSync(made, below.uid, below.gid);
    chmodSync(made, below.mode & 0o7777);
    times.push([made, below]);
  };
  for (const { path, type } of points) {
    if (files.stat(path) !== undefined || !isFree(path, files)) continue;
    makeFolder(type === "directory" ? path : dirname(path));
    const made = join(folder, path);
    if (type === "directory" || existsSync(made)) continue;
    writeFileSync(made, "");
    chmodSync(made, 0o644);
  }
  for (const [made, { atime, mtime }] of times) utimesSync(made, atime, mtime);
}

/** Whether what is there above it is a folder. Where it is not, the runtime says what is wrong. */
function isFree(path: string, files: SeenFiles): boolean {
  const above = dirname(path);
  const stat = files.stat(above);
  return stat === undefined ? isFree(above, files) : stat.isDirectory();
}
