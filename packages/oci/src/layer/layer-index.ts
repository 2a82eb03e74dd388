import type { Bytes, Options } from "../content.ts";
import { OciError } from "../errors.ts";
import type { TarHeader } from "../tar/tar-header.ts";
import { readTar, type TarLimits } from "../tar/tar-reader.ts";

/** What one entry of a layer's tar does to the tree below it. */
export type IndexedEntry =
  /** `header.path`, and the `linkname` of a hardlink, are cleaned: relative to the image's root, which is "". */
  | { readonly kind: "node"; readonly header: TarHeader }
  /** Removes `path` of the layers below. */
  | { readonly kind: "whiteout"; readonly path: string }
  /** Hides everything the layers below have in the directory `path`. */
  | { readonly kind: "opaque"; readonly path: string }
  /** Bookkeeping of AUFS (`.wh..wh.plnk` and the like), which no engine unpacks. */
  | { readonly kind: "ignored" };

/** A layer without its bodies. */
export interface LayerIndex {
  /** One for each entry of the tar, in its order. */
  readonly entries: readonly IndexedEntry[];
}

export interface IndexLayerOptions extends Options {
  readonly limits?: TarLimits;
}

/**
 * Reads a layer's headers (image-spec layer.md) to the end of `bytes`. Throws OciError
 * INVALID_ARCHIVE for names that lead out of the root, malformed whiteouts, a root that is no
 * directory and hardlinks to themselves, and whatever `readTar` throws.
 */
export async function indexLayer(bytes: Bytes, options: IndexLayerOptions = {}): Promise<LayerIndex> {
  const entries: IndexedEntry[] = [];
  for await (const { header } of readTar(bytes, options)) entries.push(indexEntry(header));
  return { entries };
}

// Linux takes no longer path, and no longer link target.
const maxPath = 4096;

/** What a header means as an entry of a layer. Throws as `indexLayer`. */
export function indexEntry(header: TarHeader): IndexedEntry {
  const path = cleaned(header.path, header);
  const slash = path.lastIndexOf("/");
  const name = path.slice(slash + 1);
  const parent = slash < 0 ? "" : path.slice(0, slash);
  if (parent.includes(".wh.") && /(?:^|\/)\.wh\./.test(parent)) {
    if (/(?:^|\/)\.wh\.\.wh\./.test(parent)) return { kind: "ignored" };
    throw refusal(header, "it lies below a whiteout");
  }
  if (name.startsWith(".wh.")) {
    if (name === ".wh..wh..opq") return { kind: "opaque", path: parent };
    if (name.startsWith(".wh..wh.")) return { kind: "ignored" };
    const removed = name.slice(".wh.".length);
    if (removed === "" || removed === "." || removed === "..") throw refusal(header, "it is a whiteout of nothing");
    return { kind: "whiteout", path: slash < 0 ? removed : `${parent}/${removed}` };
  }
  if (path === "" && header.type !== "directory") throw refusal(header, `the root cannot be a ${header.type}`);
  if (header.type === "symlink" && (header.linkname === "" || header.linkname.length >= maxPath))
    throw refusal(header, `it is a link of ${header.linkname.length} characters`);
  if (header.type !== "hardlink") return { kind: "node", header: path === header.path ? header : { ...header, path } };
  const linkname = cleaned(header.linkname, header);
  if (linkname === path) throw refusal(header, "it is a hardlink to itself");
  return { kind: "node", header: { ...header, path, linkname } };
}

/** Relative to the root, which absolute names start at too, without "." and ".."; those may not lead out. */
function cleaned(path: string, header: TarHeader): string {
  if (path.length > maxPath) throw refusal(header, `names of more than ${maxPath} characters are no paths`);
  if (path.includes("\0")) throw refusal(header, "it holds a NUL");
  if (!/(?:^|\/)\.{0,2}(?:\/|$)/.test(path)) return path;
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) throw refusal(header, `${JSON.stringify(path)} leads out of the root`);
  }
  return parts.join("/");
}

function refusal(header: TarHeader, detail: string): OciError {
  const path = header.path.length > 200 ? `${header.path.slice(0, 200)}…` : header.path;
  return new OciError("INVALID_ARCHIVE", `Cannot unpack layer entry ${JSON.stringify(path)}: ${detail}`);
}
