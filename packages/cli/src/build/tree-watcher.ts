import { type FSWatcher, lstatSync, readdirSync, statSync, watch } from "node:fs";
import { basename, dirname, join } from "node:path";

/*
 * Node's recursive watching sets up a watch for every file on Linux, of which there is a limit, and which takes
 * seconds in a folder with node_modules. The kernel tells of files by the folder that they are in: that is one watch
 * for each folder. A file that is replaced by rename keeps being seen, too.
 */

/** Tells of what changes in a folder, and in all folders below, now or later; of symlinks only the root is followed. */
export class TreeWatcher implements Disposable {
  readonly #root: string;
  readonly #onChange: (path: string) => void;
  readonly #onError: (error: unknown) => void;
  /** By path below the root, "" for the root; the one above it under "..". */
  readonly #watchers = new Map<string, FSWatcher>();
  /** Which folder the root was when it was last looked at. */
  #identity: string | undefined;

  /**
   * `onChange` gets paths below the root, with slashes, "" for the root itself; `onError` what ends the watching.
   * Throws what the system says when it cannot watch.
   */
  constructor(root: string, onChange: (path: string) => void, onError: (error: unknown) => void) {
    this.#root = root;
    this.#onChange = onChange;
    this.#onError = onError;
    this.#identity = identityOf(root);
    try {
      this.#watchAbove();
      this.#enter("", false);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  /** Sees the whole of it deleted and made again, or a symlink to it replaced, where one may look at what it lies in. */
  #watchAbove(): void {
    if (dirname(this.#root) === this.#root) return;
    try {
      this.#watch("..", (name) => {
        // Node tells of a folder's attributes, too, as of a rename.
        if (name !== basename(this.#root)) return;
        const before = this.#identity;
        this.#identity = identityOf(this.#root);
        if (this.#identity !== before) this.#renamed("");
      });
    } catch (error) {
      if (!isGone(error)) throw error;
    }
  }

  /** Watches a folder and those below; with `tell` all that is there already counts as a change. */
  #enter(folder: string, tell: boolean): void {
    const prefix = folder === "" ? "" : `${folder}/`;
    try {
      this.#watch(folder, (name, event) => {
        if (event === "rename") this.#renamed(prefix + name);
        else this.#onChange(prefix + name);
      });
      for (const entry of readdirSync(join(this.#root, folder), { withFileTypes: true })) {
        if (tell) this.#onChange(prefix + entry.name);
        if (entry.isDirectory()) this.#enter(prefix + entry.name, tell);
      }
    } catch (error) {
      // Gone again; or nobody may look into it, and so no build does.
      if ((folder === "" && !tell) || !isGone(error)) throw error;
    }
  }

  #watch(folder: string, onEvent: (name: string, event: string) => void): void {
    const watcher = watch(join(this.#root, folder), (event, name) => {
      try {
        if (name !== null) onEvent(name, event);
      } catch (error) {
        this.#onError(error);
      }
    });
    watcher.on("error", this.#onError);
    this.#watchers.get(folder)?.close();
    this.#watchers.set(folder, watcher);
  }

  /** Something came or went: what was a folder there may be another one now. */
  #renamed(path: string): void {
    this.#onChange(path);
    if (this.#watchers.has(path))
      for (const [folder, watcher] of this.#watchers)
        if (folder === path || folder.startsWith(`${path}/`) || (path === "" && folder !== "..")) {
          watcher.close();
          this.#watchers.delete(folder);
        }
    const look = path === "" ? statSync : lstatSync;
    if (look(join(this.#root, path), { throwIfNoEntry: false })?.isDirectory() === true) this.#enter(path, true);
  }
}

/** Undefined where there is none. An inode's number may be that of one that was deleted, its time of birth is not. */
function identityOf(folder: string): string | undefined {
  const stat = statSync(folder, { bigint: true, throwIfNoEntry: false });
  return stat && `${stat.dev} ${stat.ino} ${stat.birthtimeNs}`;
}

function isGone(error: unknown): boolean {
  return error instanceof Error && "code" in error && ["ENOENT", "ENOTDIR", "EACCES"].includes(String(error.code));
}
