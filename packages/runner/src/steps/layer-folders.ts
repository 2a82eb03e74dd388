import { existsSync, mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { extractImage, indexLayer, type Layer, type LayerIndex, openLayer, type Options, Tree } from "@lading/oci";
import { hexOf } from "../runc/image-folder.ts";
import { makeSpecialFiles, type SpecialFile, specialFiles, type UnpackOptions } from "../runc/special-files.ts";
import { type OwnIds, unpackingBy } from "./own-ids.ts";
import { stepId } from "./step-folder.ts";

/** Layers as folders of an overlay, each unpacked once, by diffID. */
export class LayerFolders {
  readonly #folder: string;
  readonly #how: Omit<UnpackOptions, "signal">;
  readonly #opaque: string;

  constructor(folder: string, ids: OwnIds) {
    this.#folder = folder;
    this.#how = unpackingBy(ids);
    // Where overlays keep their attributes among those of users.
    this.#opaque = ids.inUserNamespace ? "user.overlay.opaque" : "trusted.overlay.opaque";
  }

  /** Resolves to the layer's folder. Throws as `indexLayer`, `extractImage` and `makeSpecialFiles`. */
  async ensure(layer: Layer, options: Options = {}): Promise<string> {
    const folder = join(this.#folder, hexOf(layer.diffId));
    if (existsSync(folder)) return folder;
    const made = join(this.#folder, `.${stepId()}`);
    mkdirSync(made, { recursive: true, mode: 0o755 });
    const index = await indexLayer(openLayer(layer, { ...options, diffId: layer.diffId }), options);
    const how = { ...options, ...this.#how };
    await extractImage({ layers: [layer] }, made, { ...how, indexes: [index] });
    const tree = Tree.of([index]);
    await makeSpecialFiles(made, [...specialFiles(tree, how), ...removals(index, tree, this.#opaque, how)], options);
    if (!existsSync(folder)) renameSync(made, folder);
    return folder;
  }
}

/** What a layer removes, as overlayfs has it: devices 0:0, and an attribute of folders. */
function removals(
  { entries }: LayerIndex,
  tree: Tree,
  opaque: string,
  { owners }: UnpackOptions,
): readonly SpecialFile[] {
  const headers = new Map(Array.from([tree.root, ...tree], ({ path, header }) => [path, header]));
  return entries.flatMap((entry): readonly SpecialFile[] => {
    if (entry.kind !== "whiteout" && entry.kind !== "opaque") return [];
    const header = headers.get(entry.path);
    if (entry.kind === "whiteout")
      // A path that the layer also has is hidden by that.
      return header === undefined ? [{ names: [entry.path], header: whiteout, xattrs: new Map() }] : [];
    const xattrs = new Map([[opaque, Buffer.from("y")]]);
    const found = header ?? folder;
    return [{ names: [entry.path === "" ? "./" : entry.path], header: { ...found, ...owners?.(found) }, xattrs }];
  });
}

const owner = { uid: 0, gid: 0, uname: "", gname: "", linkname: "", mtime: 0, size: 0, devmajor: 0, devminor: 0 };
const whiteout = { ...owner, type: "char", mode: 0 } as const;
const folder = { ...owner, type: "directory", mode: 0o755 } as const;
