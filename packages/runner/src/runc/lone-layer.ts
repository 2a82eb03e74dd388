import type { LayerIndex, TarHeader, Tree } from "@lading/oci";
import { isMade, type UnpackOptions } from "./special-files.ts";

/** What is to be known of a layer that can be unpacked without those below it. */
export interface LoneLayer {
  /** Whether it says who owns /. */
  readonly hasRoot: boolean;
  /** What it removes, and has nothing in place of. */
  readonly removed: readonly string[];
  /** Its folders that nothing of the layers below is in, with what it says of them. */
  readonly opaque: ReadonlyMap<string, TarHeader>;
  /** The folders that it removes something of, which layers below must have: see `hasFolders`. */
  readonly needed: readonly string[];
}

/**
 * Whether an overlay shows the same when a layer is unpacked by itself, and laid over those below it, as when all are
 * merged; undefined when not. It is so where the layer says itself what it stands on: every folder that leads to an entry
 * is an entry before it, so that no link of a layer below can be on the way, and owner, mode and time of the folder are
 * known; links lead to files that it has brought; and nothing is there twice, as a folder and as something else.
 */
export function loneLayer({ entries }: LayerIndex, options: UnpackOptions = {}): LoneLayer | undefined {
  const folders = new Map<string, TarHeader | undefined>([["", undefined]]);
  const files = new Set<string>();
  const hidden = new Set<string>();
  const whiteouts = new Set<string>();
  const emptied = new Set<string>();
  for (const entry of entries) {
    if (entry.kind === "ignored") continue;
    const path = entry.kind === "node" ? entry.header.path : entry.path;
    if (entry.kind === "opaque") {
      // Overlays do not ask whether / is opaque.
      if (path === "" || !folders.has(path)) return undefined;
      emptied.add(path);
    } else if (path !== "" && !folders.has(parentOf(path))) return undefined;
    else if (entry.kind === "whiteout") whiteouts.add(path);
    else if (files.has(path) || hidden.has(path)) return undefined;
    else if (entry.header.type === "directory") folders.set(path, entry.header);
    else {
      const { type, linkname } = entry.header;
      if (folders.has(path) || (type === "hardlink" && !files.has(linkname))) return undefined;
      (isMade(entry.header, options) ? files : hidden).add(path);
    }
  }
  const opaque = new Map<string, TarHeader>();
  for (const [path, header] of folders)
    if (header !== undefined && (emptied.has(path) || whiteouts.has(path))) opaque.set(path, header);
  if (options.opaqueAttribute === "" && opaque.size > 0) return undefined;
  const removed = [...new Set([...whiteouts, ...hidden])].filter(
    (path) => !files.has(path) && !folders.has(path) && !isBelow(path, opaque),
  );
  const needed = new Set(removed.map(parentOf));
  needed.delete("");
  return { hasRoot: folders.get("") !== undefined, removed, opaque, needed: [...needed] };
}

/**
 * Whether these are folders of the layers below. An overlay lists a folder that only one of its layers has without
 * looking: names would be there of which nothing can be found.
 */
export function hasFolders(below: Tree, paths: readonly string[]): boolean {
  return paths.every((path) => {
    const node = below.lstat(path);
    return node?.header.type === "directory" && node.path === path;
  });
}

function isBelow(path: string, folders: ReadonlyMap<string, unknown>): boolean {
  for (let at = parentOf(path); at !== ""; at = parentOf(at)) if (folders.has(at)) return true;
  return false;
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf("/"), 0));
}
