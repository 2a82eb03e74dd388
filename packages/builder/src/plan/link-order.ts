import type { LayerEntry } from "../entry.ts";
import { BuildError } from "../errors.ts";

type Hardlink = LayerEntry & { readonly type: "hardlink" };

/**
 * Settles which name of a file carries its bytes: the first in the archive, whichever of them the
 * source had as the file; the others link to it, so that every link's target is unpacked before it.
 * Changes `entries`, whose paths are in order already. Throws BuildError SOURCE_MISSING when a
 * target is not in the layer.
 */
export function orderLinks(entries: LayerEntry[], origin: (path: string) => string): void {
  const byPath = new Map(entries.map((entry) => [entry.path, entry]));
  const targets = entries.map((entry) => (entry.type === "hardlink" ? findTarget(entry, byPath, origin) : entry));
  const linked = new Set(targets.filter((target, index) => target !== entries[index]));
  /** The first name of each target that is met. */
  const carriers = new Map<LayerEntry, string>();
  for (const [index, target] of targets.entries()) {
    if (!linked.has(target)) continue;
    const path = entries[index]?.path ?? "";
    const carrier = carriers.get(target);
    if (carrier === undefined) {
      carriers.set(target, path);
      entries[index] = { ...target, path };
    } else {
      const { mode, uid, gid, mtime } = target;
      // Owner, mode and time are the file's, not the name's: an unpacker may apply any of the headers last.
      entries[index] = { path, mode, uid, gid, mtime, type: "hardlink", linkname: carrier };
    }
  }
}

function findTarget(
  link: Hardlink,
  byPath: ReadonlyMap<string, LayerEntry>,
  origin: (path: string) => string,
): LayerEntry {
  const seen = new Set<string>();
  let at: LayerEntry = link;
  while (at.type === "hardlink") {
    const next = byPath.get(at.linkname);
    if (next === undefined) throw badLink(link, at.linkname, "is not in the layer", origin);
    if (next.type === "directory") throw badLink(link, at.linkname, "is a folder", origin);
    if (seen.has(next.path)) throw badLink(link, at.linkname, "leads back to it", origin);
    seen.add(next.path);
    at = next;
  }
  return at;
}

function badLink(link: Hardlink, target: string, reason: string, origin: (path: string) => string): BuildError {
  return new BuildError(
    "SOURCE_MISSING",
    `Cannot add "${origin(link.path)}" as "/${link.path}": the hardlink's target "/${target}" ${reason}`,
    { hint: "Add both names in one layer" },
  );
}
