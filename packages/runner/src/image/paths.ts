import { unsafeImage } from "./unsafe-image.ts";

/** The path with `.`, `..` and double slashes gone, absolute, never above /. */
export function cleanPath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}

/** Whether `path` is `folder` or below it; both clean. */
export function isWithin(path: string, folder: string): boolean {
  return folder === "/" || path === folder || path.startsWith(`${folder}/`);
}

/**
 * Where `path` leads in an image that has these symlinks, by absolute path; as chroot(2) would have
 * it, so never out of the image. Throws RunnerError UNSAFE_IMAGE after 40 links (path_resolution(7)).
 */
export function resolvePath(path: string, links: ReadonlyMap<string, string>): string {
  let at = "";
  let followed = 0;
  const waiting = path.split("/").toReversed();
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (name === "" || name === ".") continue;
    if (name === "..") {
      at = at.slice(0, Math.max(0, at.lastIndexOf("/")));
      continue;
    }
    const target = links.get(`${at}/${name}`);
    if (target === undefined) {
      at = `${at}/${name}`;
      continue;
    }
    if (++followed > 40) throw unsafeImage(`"${path}" leads through too many symlinks`);
    if (target.startsWith("/")) at = "";
    waiting.push(...target.split("/").toReversed());
  }
  return at === "" ? "/" : at;
}
