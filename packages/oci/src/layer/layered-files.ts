import type { Bytes, Options } from "../content.ts";
import { OciError } from "../errors.ts";
import type { Layer } from "../image.ts";
import { openLayer } from "./layer-bytes.ts";
import { indexLayer, type LayerIndex } from "./layer-index.ts";
import { readTar, type TarLimits } from "../tar/tar-reader.ts";
import { Tree } from "./tree.ts";
import type { TreeNode } from "./tree-node.ts";

/** What an image's files are made of: its layers, the lowest first. */
export interface Layered {
  readonly layers: readonly Layer[];
}

export interface ReadTreeOptions extends Options {
  /** For each layer; its `bytes` are uncompressed ones. Default: see `openLayer`. */
  readonly limits?: TarLimits;
  /** The indexes where the caller has them, one for each layer: then no layer is read. */
  readonly indexes?: readonly LayerIndex[] | undefined;
}

/** The merged tree of an image; reads every layer once, and verifies it. Throws as `openLayer`, `indexLayer` and `Tree`. */
export async function readTree(image: Layered, options: ReadTreeOptions = {}): Promise<Tree> {
  const { indexes, limits, signal } = options;
  if (indexes !== undefined) return Tree.of(indexes);
  const tree = Tree.empty();
  for (const layer of image.layers)
    tree.applyLayer(await indexLayer(opened(layer, options), { signal, ...(limits === undefined ? {} : { limits }) }));
  return tree;
}

/**
 * The bytes of every file of the tree, once for each inode, in the order of the layers' tars. A
 * body is read before the next one is asked for, or not at all. Layers that nothing is left of are
 * not opened.
 */
export async function* readFiles(
  image: Layered,
  tree: Tree,
  options: ReadTreeOptions = {},
): AsyncGenerator<{ readonly node: TreeNode; readonly body: () => Bytes }, void, void> {
  const wanted = filesByLayer(tree);
  for (const [number, layer] of image.layers.entries()) {
    const files = wanted.get(number);
    if (files === undefined) continue;
    let entry = 0;
    for await (const { header, body } of readTar(opened(layer, options), { signal: options.signal })) {
      const node = files.get(entry++);
      if (node === undefined) continue;
      if (header.type !== "file" || header.size !== node.header.size)
        throw new OciError(
          "INVALID_ARCHIVE",
          `Cannot read layer ${layer.descriptor.digest}: ${JSON.stringify(node.path)} is not as its index says`,
        );
      yield { node, body };
    }
  }
}

/** Files by layer and entry; of several hardlinks the first. */
function filesByLayer(tree: Tree): ReadonlyMap<number, ReadonlyMap<number, TreeNode>> {
  const layers = new Map<number, Map<number, TreeNode>>();
  for (const node of tree) {
    if (node.header.type !== "file") continue;
    const { layer, entry } = node.inode;
    let files = layers.get(layer);
    if (files === undefined) layers.set(layer, (files = new Map()));
    if (!files.has(entry)) files.set(entry, node);
  }
  return layers;
}

function opened(layer: Layer, { limits, signal }: ReadTreeOptions): Bytes {
  return openLayer(layer, {
    diffId: layer.diffId,
    signal,
    ...(limits?.bytes === undefined ? {} : { maxBytes: limits.bytes }),
  });
}
