import { lstatSync, readlinkSync } from "node:fs";

const mostLinks = 40; // path_resolution(7)

/**
 * Where `path` leads inside `root` when that is /: symlinks are followed, and none leads out. The
 * last part need not be there. For trees that nobody changes meanwhile. Throws the system's errors.
 */
export function rootedPath(root: string, path: string): string {
  const done: string[] = [];
  const waiting = path.split("/").toReversed();
  let links = 0;
  for (let part = waiting.pop(); part !== undefined; part = waiting.pop()) {
    if (part === "" || part === ".") continue;
    if (part === "..") {
      done.pop();
      continue;
    }
    const here = [root, ...done, part].join("/");
    if (lstatSync(here, { throwIfNoEntry: false })?.isSymbolicLink() !== true) {
      done.push(part);
      continue;
    }
    const target = readlinkSync(here);
    if (++links > mostLinks) throw new Error(`Cannot follow "${path}": too many symlinks`);
    if (target.startsWith("/")) done.length = 0;
    waiting.push(...target.split("/").toReversed());
  }
  return [root, ...done].join("/");
}
