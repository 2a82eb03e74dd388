import type { Digest, Image, LayerIndex, Options } from "@lading/oci";
import { type EnsureOptions, ImageTrees } from "../runc/image-trees.ts";
import { asImageHasThem } from "../runc/lower-folders.ts";
import type { LowerFolders, OverlayFolder } from "../runc/overlay-folder.ts";
import { type Overlay, withOverlay } from "../runc/overlay.ts";
import { type OwnIds, unpackingBy } from "./own-ids.ts";
import { SeenFiles } from "./seen-files.ts";
import { touchBase } from "./step-bases.ts";
import type { StepFiles } from "./step.ts";
import { holdBase } from "./step-owner.ts";

export interface FilesOfOptions {
  /** Where bases are kept unpacked. */
  readonly bases: string;
  /** Of this process's steps. */
  readonly folder: string;
  readonly ids: OwnIds;
}

/** The files of steps, unpacked: those of a base for good, those of the layers on it as long as this process lives. */
export class FilesOf {
  readonly #folder: string;
  readonly #bases: ImageTrees;
  readonly #layers: ImageTrees;
  readonly #inUserNamespace: boolean;
  /** Of all layers that were read: steps are many, and what they stand on stays. */
  readonly #indexes = new Map<Digest, LayerIndex>();

  constructor({ bases, folder, ids }: FilesOfOptions) {
    this.#folder = folder;
    this.#bases = new ImageTrees(bases, unpackingBy(ids));
    this.#layers = new ImageTrees(folder, unpackingBy(ids));
    this.#inUserNamespace = ids.inUserNamespace;
  }

  /** The folders that make them up. Throws as `ImageTrees.ensure`. */
  async lower({ base, layers }: StepFiles, options: Options = {}): Promise<LowerFolders> {
    const known = { ...options, indexes: this.#indexes };
    const folders = (names: readonly string[]): readonly string[] => names.map((name) => this.#layers.folder(name));
    if (base === undefined) return asImageHasThem(folders(await this.#layers.ensure({ layers }, known)));
    const all = [...base.layers, ...layers];
    const { names, merged } = await this.#layers.upper(all, base.layers.length, known);
    return asImageHasThem([...folders(names), ...(merged ? [] : await this.#base(base, known))]);
  }

  async #base(image: Image, options: EnsureOptions): Promise<readonly string[]> {
    let names: readonly string[];
    do {
      names = await this.#bases.ensure(image, options);
      for (const name of names) holdBase(this.#folder, name);
      // Who makes room could have taken one away between the look and the use.
    } while (!names.every((name) => this.#bases.has(name)));
    const folders = names.map((name) => this.#bases.folder(name));
    folders.forEach(touchBase);
    return folders;
  }

  /** How an overlay is mounted. Nothing may be kept of a file but the whole: what is above is all that is taken on. */
  overlay(folder: OverlayFolder): Overlay {
    return { folder, options: this.#inUserNamespace ? ["userxattr"] : ["metacopy=off", "redirect_dir=off"] };
  }

  /** Mounts an overlay for as long as `look` takes. Throws RunnerError ENGINE. */
  async see<T>(folder: OverlayFolder, look: (files: SeenFiles) => T | Promise<T>, options: Options = {}): Promise<T> {
    return await withOverlay(this.overlay(folder), (root) => look(new SeenFiles(root)), options);
  }
}
