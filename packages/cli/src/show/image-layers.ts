import {
  type Image,
  indexLayer,
  type LayerIndex,
  openLayer,
  type Options,
  type TarHeader,
  Tree,
  type WastedFile,
} from "@lading/oci";

/** A layer as people ask about it. */
export interface LayerFacts {
  readonly digest: string;
  readonly diffId: string;
  readonly mediaType: string;
  /** Bytes as stored. */
  readonly size: number;
  /** Bytes of its files. */
  readonly fileSize: number;
  readonly files: number;
  readonly entries: number;
  readonly whiteouts: number;
  /** From the history: what made it, and what whoever made it says. */
  readonly createdBy: string | undefined;
  readonly comment: string | undefined;
  readonly index: LayerIndex;
}

export interface ImageFacts {
  readonly layers: readonly LayerFacts[];
  readonly tree: Tree;
  readonly wasted: readonly WastedFile[];
}

/** Reads all layers of an image, and so verifies them; bodies are passed over. */
export async function readImage(image: Image, options: Options = {}): Promise<ImageFacts> {
  const indexes: LayerIndex[] = [];
  for (const layer of image.layers)
    indexes.push(await indexLayer(openLayer(layer, { ...options, diffId: layer.diffId }), options));
  const tree = Tree.of(indexes);
  // History has entries for changes of the config alone, too; the others are the layers in order.
  const history = (image.config.history ?? []).filter((entry) => entry.empty_layer !== true);
  const layers = image.layers.flatMap((layer, at) => {
    const index = indexes[at];
    const stats = tree.layers[at];
    if (index === undefined || stats === undefined) return [];
    const { digest, mediaType, size } = layer.descriptor;
    return {
      digest,
      diffId: layer.diffId,
      mediaType,
      size,
      fileSize: stats.bytes,
      files: stats.files,
      entries: stats.entries,
      whiteouts: stats.whiteouts,
      createdBy: history[at]?.created_by,
      comment: history[at]?.comment,
      index,
    };
  });
  return { layers, tree, wasted: tree.wasted };
}

/** What to call a layer: its history's comment, else its command. */
export function layerTitle(layer: Pick<LayerFacts, "createdBy" | "comment">): string {
  return layer.comment !== undefined && layer.comment !== "" ? layer.comment : (layer.createdBy ?? "");
}

const letters: Readonly<Record<TarHeader["type"], string>> = {
  file: "-",
  hardlink: "h",
  symlink: "l",
  char: "c",
  block: "b",
  directory: "d",
  fifo: "p",
};

/** Type and permissions as ls(1) shows them: "drwxr-xr-t". */
export function formatMode({ type, mode }: Pick<TarHeader, "type" | "mode">): string {
  const user = triple(mode >> 6, (mode & 0o4000) !== 0, "s");
  const group = triple(mode >> 3, (mode & 0o2000) !== 0, "s");
  return `${letters[type]}${user}${group}${triple(mode, (mode & 0o1000) !== 0, "t")}`;
}

function triple(bits: number, special: boolean, letter: string): string {
  const execute = (bits & 1) !== 0;
  const last = special ? (execute ? letter : letter.toUpperCase()) : execute ? "x" : "-";
  return `${(bits & 4) === 0 ? "-" : "r"}${(bits & 2) === 0 ? "-" : "w"}${last}`;
}
