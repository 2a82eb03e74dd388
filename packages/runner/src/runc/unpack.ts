import { utimesSync } from "node:fs";
import { dirname, join } from "node:path";
import { encodeBytestring, extractImage, type Layer, type LayerIndex, Tree } from "@lading/oci";
import type { LoneLayer } from "./lone-layer.ts";
import { makeSpecialFiles, type SpecialFile, specialFiles, type UnpackOptions } from "./special-files.ts";

export interface Unpacked {
  /** Bytes of files. */
  readonly size: number;
  readonly special: readonly SpecialFile[];
  /** Of a layer that stands alone: see `loneLayer`. */
  readonly layer?: Pick<LoneLayer, "hasRoot" | "needed">;
}

export interface IndexedLayer {
  readonly layer: Layer;
  readonly index: LayerIndex;
}

/**
 * Writes what is seen of layers, the lowest first, into `folder`, which must not exist: with devices, FIFOs
 * and extended attributes. Throws as `extractImage` and `makeSpecialFiles`.
 */
export async function unpackMerged(
  layers: readonly IndexedLayer[],
  folder: string,
  options: UnpackOptions = {},
): Promise<Unpacked> {
  const { size, tree } = await extract(layers, folder, options);
  const special = specialFiles(tree, options);
  await makeSpecial(folder, special, tree, options);
  return { size, special };
}

/** Writes a layer that stands alone, with what it removes, as overlays have it. Throws as `unpackMerged`. */
export async function unpackAlone(
  layer: IndexedLayer,
  { hasRoot, needed, removed, opaque }: LoneLayer,
  folder: string,
  options: UnpackOptions = {},
): Promise<Unpacked> {
  const { size, tree } = await extract([layer], folder, options);
  const special = specialFiles(tree, options);
  const hidden = removed.map((path) => ({ names: [path], header: whiteout, xattrs: new Map() }));
  const { owners, opaqueAttribute = "trusted.overlay.opaque" } = options;
  // GNU tar takes away what a second entry of a folder does not have.
  const attributes = new Map(special.map(({ names: [path = ""], xattrs }) => [path, xattrs]));
  const emptied = [...opaque].map(([path, header]) => ({
    names: [path],
    header: { ...header, ...owners?.(header) },
    xattrs: new Map([...(attributes.get(path) ?? []), [opaqueAttribute, Buffer.from("y")]]),
  }));
  const others = special.filter(({ names: [path = ""] }) => !opaque.has(path));
  await makeSpecial(folder, [...others, ...hidden, ...emptied], tree, options);
  return { size, special, layer: { hasRoot, needed } };
}

async function extract(
  layers: readonly IndexedLayer[],
  folder: string,
  options: UnpackOptions,
): Promise<{ readonly size: number; readonly tree: Tree }> {
  const indexes = layers.map(({ index }) => index);
  const image = { layers: layers.map(({ layer }) => layer) };
  const { bytes } = await extractImage(image, folder, { ...options, indexes, owners: options.owners ?? true });
  return { size: bytes, tree: Tree.of(indexes) };
}

/** Folders keep the times that the layers say. */
async function makeSpecial(
  folder: string,
  files: readonly SpecialFile[],
  tree: Tree,
  options: UnpackOptions,
): Promise<void> {
  await makeSpecialFiles(folder, files, options);
  for (const parent of new Set(files.flatMap(({ names }) => names.map(dirname)))) {
    const time = new Date((tree.lstat(parent)?.header.mtime ?? 0) * 1000);
    utimesSync(Buffer.from(encodeBytestring(join(folder, parent))), time, time);
  }
}

const whiteout = {
  type: "char",
  mode: 0,
  uid: 0,
  gid: 0,
  uname: "",
  gname: "",
  linkname: "",
  mtime: 0,
  size: 0,
  devmajor: 0,
  devminor: 0,
} as const;
