import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, lstatSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import type { Image, Options } from "@lading/oci";
import { RunnerError } from "../errors.ts";
import { treesFolder } from "../runc/image-folder.ts";
import { ImageTrees } from "../runc/image-trees.ts";
import { LayerFolders } from "./layer-folders.ts";
import { type OwnIds, unpackingBy } from "./own-ids.ts";
import { SeenFiles } from "./seen-files.ts";
import { touchBase } from "./step-bases.ts";
import type { StepFiles } from "./step.ts";
import type { OverlayFolder } from "./step-folder.ts";
import { holdBase } from "./step-owner.ts";

export interface FilesOfOptions {
  /** Where bases are kept unpacked. */
  readonly bases: string;
  /** Of this process's steps. */
  readonly folder: string;
  readonly ids: OwnIds;
}

/** The files of steps, unpacked: a base merged and for good, the layers on it each by itself. */
export class FilesOf {
  readonly #bases: string;
  readonly #folder: string;
  readonly #trees: ImageTrees;
  readonly #layers: LayerFolders;
  readonly #inUserNamespace: boolean;

  constructor({ bases, folder, ids }: FilesOfOptions) {
    this.#bases = bases;
    this.#folder = folder;
    this.#trees = new ImageTrees(bases, unpackingBy(ids));
    this.#layers = new LayerFolders(join(folder, "layers"), ids);
    this.#inUserNamespace = ids.inUserNamespace;
  }

  /** The folders that make them up, the uppermost first. Throws as `unpackImage` and `LayerFolders.ensure`. */
  async lower({ base, layers }: StepFiles, options: Options = {}): Promise<readonly string[]> {
    const folders: string[] = [];
    for (const layer of layers) folders.unshift(await this.#layers.ensure(layer, options));
    if (base !== undefined) folders.push(await this.#base(base, options));
    if (folders.length > 0) return folders;
    const empty = join(this.#folder, "layers/empty");
    mkdirSync(empty, { recursive: true, mode: 0o755 });
    return [empty];
  }

  async #base(image: Image, options: Options): Promise<string> {
    const tree = this.#trees.nameOf(image);
    // First of all, or who makes room could take it away between the look and the use.
    holdBase(this.#folder, tree);
    await this.#trees.ensure(image, options);
    touchBase(this.#bases, tree);
    return join(treesFolder(this.#bases), tree, "rootfs");
  }

  /** Mounts an overlay for as long as `look` takes. Throws RunnerError ENGINE. */
  async see<T>(
    overlay: OverlayFolder,
    look: (files: SeenFiles) => T | Promise<T>,
    { signal }: Options = {},
  ): Promise<T> {
    signal?.throwIfAborted();
    const script = `mount -t overlay -o ${overlay.options(this.#inUserNamespace)} overlay root && echo && exec cat`;
    const args = ["--mount", "--propagation", "slave", "sh", "-c", script];
    // It waits for the end of its input: so it goes when this process does, however that ends.
    const holder = spawn("unshare", args, { cwd: overlay.path });
    const gone = once(holder, "close");
    const said = buffer(holder.stderr);
    try {
      await Promise.race([once(holder.stdout, "data"), gone]);
      if (holder.exitCode !== null)
        throw new RunnerError("ENGINE", `Cannot mount an overlay in ${overlay.path}: ${String(await said).trim()}`, {
          hint: "The folder must be on a file system that overlays can write to, such as ext4, xfs or tmpfs",
        });
      return await look(new SeenFiles(`/proc/${holder.pid}/root${overlay.root}`));
    } finally {
      holder.stdin.end();
      await gone;
    }
  }
}

/** Gives a folder of an overlay what / is below it: its owner and mode are those of the uppermost. */
export function likeRoot(folder: string, lower: readonly string[]): void {
  const { uid, gid, mode } = lstatSync(lower[0] ?? "/");
  chownSync(folder, uid, gid);
  chmodSync(folder, mode & 0o7777);
}
