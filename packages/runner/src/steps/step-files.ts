import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, lstatSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import type { Options } from "@lading/oci";
import { RunnerError } from "../errors.ts";
import { treesFolder } from "../runc/image-folder.ts";
import { ImageTrees } from "../runc/image-trees.ts";
import { LayerFolders } from "./layer-folders.ts";
import { SeenFiles } from "./seen-files.ts";
import type { StepFiles } from "./step.ts";
import type { OverlayFolder } from "./step-folder.ts";

export interface FilesOfOptions {
  /** Where bases are kept unpacked. */
  readonly root: string;
  /** Where layers are. */
  readonly layers: string;
  readonly inUserNamespace: boolean;
}

/** The files of steps, unpacked: a base merged and for good, the layers on it each by itself. */
export class FilesOf {
  readonly #root: string;
  readonly #trees: ImageTrees;
  readonly #layers: LayerFolders;
  readonly #empty: string;
  readonly #inUserNamespace: boolean;

  constructor({ root, layers, inUserNamespace }: FilesOfOptions) {
    this.#root = root;
    this.#trees = new ImageTrees(root);
    this.#layers = new LayerFolders(layers, inUserNamespace);
    this.#empty = join(layers, "empty");
    this.#inUserNamespace = inUserNamespace;
  }

  /** The folders that make them up, the uppermost first. Throws as `unpackImage` and `LayerFolders.ensure`. */
  async lower({ base, layers }: StepFiles, options: Options = {}): Promise<readonly string[]> {
    const folders: string[] = [];
    for (const layer of layers) folders.unshift(await this.#layers.ensure(layer, options));
    if (base !== undefined)
      folders.push(join(treesFolder(this.#root), await this.#trees.ensure(base, options), "rootfs"));
    if (folders.length > 0) return folders;
    mkdirSync(this.#empty, { recursive: true, mode: 0o755 });
    return [this.#empty];
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
