import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, renameSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { type Descriptor, digestOf, type Image, openImage, type Options, type Source } from "@lading/oci";
import { chainIds } from "../containerd/chain-id.ts";
import { hasCode } from "../state/system-error.ts";
import { hexOf, treesFolder } from "./image-folder.ts";
import { writeTreeRecord } from "./tree-record.ts";
import type { UnpackOptions } from "./special-files.ts";
import { unpackImage } from "./unpack-image.ts";

export interface UnpackedImage {
  readonly image: Image;
  /** The name of its files. */
  readonly tree: string;
}

/** The unpacked files of images, once for all images of the same layers. */
export class ImageTrees {
  readonly #folder: string;
  readonly #how: Omit<UnpackOptions, "signal">;

  /** @param root - The state folder. */
  constructor(root: string, how: Omit<UnpackOptions, "signal"> = {}) {
    this.#folder = treesFolder(root);
    this.#how = how;
  }

  /** Opens an image, and unpacks its files when they are not here yet. Throws as `openImage` and `unpackImage`. */
  async unpack(source: Source, root: Descriptor, options: Options = {}): Promise<UnpackedImage> {
    const image = await openImage(source, root, options);
    return { image, tree: await this.ensure(image, options) };
  }

  /** The name of an image's files, which are unpacked when they are not here yet. Throws as `unpackImage`. */
  async ensure(image: Image, options: Options = {}): Promise<string> {
    const name = this.nameOf(image);
    if (this.has(name)) return name;
    const made = this.#temporary();
    // What is unpacked has programs that run as root for whoever starts them: none but root may reach them.
    mkdirSync(made, { recursive: true, mode: 0o700 });
    try {
      const { size, special } = await unpackImage(image, join(made, "rootfs"), { ...options, ...this.#how });
      writeTreeRecord(made, size, special);
      renameSync(made, join(this.#folder, name));
    } catch (error) {
      await rm(made, { recursive: true, force: true });
      // Another process was faster.
      if (!hasCode(error, "ENOTEMPTY", "EEXIST")) throw error;
    }
    return name;
  }

  /** What the files of an image are called, whether they are here or not. */
  nameOf({ config }: Image): string {
    return hexOf(chainIds(config.rootfs.diff_ids).at(-1) ?? digestOf(""));
  }

  has(name: string): boolean {
    return existsSync(join(this.#folder, name));
  }

  /** Deletes files that no image has any more. */
  async sweep(name: string, isUsed: () => boolean): Promise<void> {
    if (isUsed() || !this.has(name)) return;
    const gone = this.#temporary();
    renameSync(join(this.#folder, name), gone);
    // An image of them may have come in between, and found them.
    if (isUsed() && !this.has(name)) renameSync(gone, join(this.#folder, name));
    else await rm(gone, { recursive: true, force: true });
  }

  #temporary(): string {
    return join(this.#folder, `.${randomBytes(6).toString("hex")}`);
  }
}
