import { extractImage, type Image, indexLayer, type LayerIndex, openLayer, Tree } from "@lading/oci";
import { makeSpecialFiles, type SpecialFile, specialFiles, type UnpackOptions } from "./special-files.ts";

export interface Unpacked {
  /** Bytes of files. */
  readonly size: number;
  readonly special: readonly SpecialFile[];
}

/**
 * Writes what a container of `image` sees into `folder`, which must not exist: with devices, FIFOs
 * and extended attributes. Throws as `extractImage` and `makeSpecialFiles`.
 */
export async function unpackImage(image: Image, folder: string, options: UnpackOptions = {}): Promise<Unpacked> {
  const indexes: LayerIndex[] = [];
  for (const layer of image.layers)
    indexes.push(await indexLayer(openLayer(layer, { ...options, diffId: layer.diffId }), options));
  const { bytes } = await extractImage(image, folder, { ...options, indexes, owners: options.owners ?? true });
  const special = specialFiles(Tree.of(indexes), options);
  await makeSpecialFiles(folder, special, options);
  return { size: bytes, special };
}
