import type { ImageConfig } from "@lading/oci";
import type { ListedEntry } from "../list/listing.ts";
import { isNamed } from "../plan/accounts.ts";

/*
 * To lay files on a base one must know its folders: whether a symlink leads elsewhere (/lib of Debian),
 * and which mode and owner they have, because a layer repeats the folders on its way. That costs
 * reading all of its layers, which a base in a registry is too far away for. Below the folders
 * here the answer is the same for every base; the rules depend on the description and the base's
 * config alone, so a digest never depends on what a cache holds.
 */

/** Folders that are root's and 0755 wherever they are, and no symlinks. */
const certain: ReadonlySet<string> = new Set([
  "etc",
  "opt",
  "srv",
  "usr",
  "usr/bin",
  "usr/lib",
  "usr/local",
  "usr/local/bin",
  "usr/local/lib",
  "usr/local/share",
  "usr/share",
]);

/** Where packages put files: folders in them are the base's own affair only when its config speaks of them. */
const forPackages: readonly string[] = ["opt", "srv", "usr/local/lib", "usr/local/share", "usr/share"];

/** What else is at the root of Linux systems (Filesystem Hierarchy Standard 3.0), with modes, owners or links of its own. */
const system: ReadonlySet<string> = new Set(
  "bin boot dev etc home lib lib32 lib64 libx32 lost+found media mnt nix opt proc root run sbin snap srv sys tmp usr var".split(
    " ",
  ),
);

/**
 * Whether the files of a base must be read before `listed` can be laid on it: for names of owners,
 * and for folders that are not the same everywhere.
 */
export function needsBaseFiles(listed: readonly ListedEntry[], config: ImageConfig): boolean {
  const told = describes(config);
  const isOrdinary = (folder: string): boolean => {
    if (folder === "" || certain.has(folder)) return true;
    const slash = folder.indexOf("/");
    const free = !system.has(slash === -1 ? folder : folder.slice(0, slash));
    if (!free && !forPackages.some((place) => folder.startsWith(`${place}/`))) return false;
    return !told(folder) && isOrdinary(folder.slice(0, Math.max(folder.lastIndexOf("/"), 0)));
  };
  const known = new Map<string, boolean>();
  return listed.some(({ path, type, owner }) => {
    if (isNamed(owner)) return true;
    const folder = type === "directory" ? path : path.slice(0, Math.max(path.lastIndexOf("/"), 0));
    let ordinary = known.get(folder);
    if (ordinary === undefined) known.set(folder, (ordinary = isOrdinary(folder)));
    return !ordinary;
  });
}

/** Whether a base's config speaks of a folder: whoever made the base may have given it a mode, an owner or a target. */
function describes({ config = {}, history = [] }: ImageConfig): (folder: string) => boolean {
  const texts = [
    config.WorkingDir ?? "",
    ...Object.keys(config.Volumes ?? {}),
    ...(config.Env ?? []),
    ...(config.Entrypoint ?? []),
    ...(config.Cmd ?? []),
    ...history.map(({ created_by: by = "" }) => by),
  ].join("\n");
  return (folder) => {
    const at = `/${folder}`;
    for (let i = texts.indexOf(at); i !== -1; i = texts.indexOf(at, i + 1))
      // `/app` is in `/app/x` and in `WORKDIR /app`; it is not in `/application` or `/srv/app`.
      if (!/[\w.-]/.test(texts.charAt(i + at.length)) && !/[\w.-]/.test(texts.charAt(i - 1))) return true;
    return false;
  };
}
