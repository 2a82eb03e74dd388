import { type Image, type LayerIndex, type TarHeader, Tree, type TreeNode } from "@lading/oci";
import { LayerContents } from "../base/layer-contents.ts";
import type { FileContent, LayerEntry, LayerPlan } from "../entry.ts";
import type { SourceFiles, SourceNode } from "./source-files.ts";

/** A base with layers that are only planned on it. */
export interface LayeredFiles {
  readonly base: { readonly image: Image; indexes(): Promise<readonly LayerIndex[]> } | undefined;
  readonly layers: readonly LayerPlan[];
}

/** The contents of the layers that exist, each unpacked once however many look into it. */
export class ContentsOfLayers {
  readonly #cacheDir: string;
  readonly #known = new Map<string, LayerContents>();

  constructor(cacheDir: string) {
    this.#cacheDir = cacheDir;
  }

  of(layer: Image["layers"][number]): LayerContents {
    let contents = this.#known.get(layer.diffId);
    if (contents === undefined) this.#known.set(layer.diffId, (contents = new LayerContents(layer, this.#cacheDir)));
    return contents;
  }
}

/** The files of an image or a stage, with their owners. Reads all of the base's layers, unless the cache knows what is in them. */
export async function imageFiles(
  name: string,
  { base, layers }: LayeredFiles,
  contents: ContentsOfLayers,
): Promise<SourceFiles> {
  const below = base === undefined ? [] : await base.indexes();
  const tree = Tree.of([...below, ...layers.map(indexPlan)]);
  const contentOf = ({ inode, header }: TreeNode): FileContent => {
    const layer = base?.image.layers[inode.layer];
    if (layer !== undefined) return contents.of(layer).of(inode.entry, header);
    const entry = layers[inode.layer - below.length]?.entries[inode.entry];
    if (entry?.type !== "file") throw new Error(`Cannot find what is in "/${header.path}"`);
    return entry.content;
  };
  return {
    name,
    get: (path) => {
      const node = tree.lstat(path);
      return node === undefined ? undefined : sourceNode(node, contentOf);
    },
    names: (path) => (tree.children(path) ?? []).map((child) => child.name),
  };
}

function sourceNode(node: TreeNode, contentOf: (node: TreeNode) => FileContent): SourceNode | undefined {
  const { mode, uid, gid, mtime, xattrs, type, linkname, devmajor, devminor, size } = node.header;
  const meta = { mode, uid, gid, mtime: Math.floor(mtime), ...(xattrs.size === 0 ? {} : { xattrs }) };
  if (type === "file") return { ...meta, type, size, content: contentOf(node), identity: node.inode };
  if (type === "symlink") return { ...meta, type, linkname };
  if (type === "char" || type === "block") return { ...meta, type, devmajor, devminor };
  // The tree has put what a hardlink leads to in its place.
  return type === "hardlink" ? undefined : { ...meta, type };
}

/** A plan as the index of the layer that is made of it. */
function indexPlan({ entries }: LayerPlan): LayerIndex {
  return {
    entries: entries.map((entry) =>
      entry.type === "whiteout" || entry.type === "opaque"
        ? { kind: entry.type, path: entry.path }
        : { kind: "node", header: headerOf(entry) },
    ),
  };
}

function headerOf(entry: Exclude<LayerEntry, { type: "whiteout" | "opaque" }>): TarHeader {
  const { path, type, mode, uid, gid, mtime, xattrs = new Map<string, Uint8Array>() } = entry;
  const isDevice = entry.type === "char" || entry.type === "block";
  return {
    path,
    type,
    mode,
    uid,
    gid,
    uname: "",
    gname: "",
    size: entry.type === "file" ? entry.size : 0,
    mtime,
    linkname: entry.type === "symlink" || entry.type === "hardlink" ? entry.linkname : "",
    devmajor: isDevice ? entry.devmajor : 0,
    devminor: isDevice ? entry.devminor : 0,
    xattrs,
  };
}
