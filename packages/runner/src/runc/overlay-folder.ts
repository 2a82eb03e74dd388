import { chmodSync, chownSync, lstatSync, mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";

/** Files as folders that an overlay lays upon each other. */
export interface LowerFolders {
  /** The uppermost first; at least one. */
  readonly folders: readonly string[];
  /** The one of them whose owner and mode are those of /. */
  readonly root: string;
}

/*
 * An overlay's folder:
 *
 *   upper, work   what is written to it
 *   below/N       symlinks to the folders that it stands on, the uppermost first
 *   root          where it is mounted, when nobody says another place
 *
 * Overlays are given names from here, which are short and without commas and colons: their options
 * end after 4096 bytes, and paths of other people may hold anything.
 */
export class OverlayFolder {
  readonly path: string;
  readonly #count: number;

  private constructor(path: string, count: number) {
    this.path = path;
    this.#count = count;
  }

  /** @param lower - The uppermost first; at least one. */
  static make(path: string, lower: readonly string[]): OverlayFolder {
    for (const name of ["", "upper", "work", "root", "below"])
      mkdirSync(join(path, name), { recursive: true, mode: 0o700 });
    for (const [index, folder] of lower.entries()) symlinkSync(folder, join(path, "below", String(index)));
    return new OverlayFolder(path, lower.length);
  }

  /** One that was made before. */
  static open(path: string): OverlayFolder {
    return new OverlayFolder(path, readdirSync(join(path, "below")).length);
  }

  get upper(): string {
    return join(this.path, "upper");
  }

  get root(): string {
    return join(this.path, "root");
  }

  /** For mount(8), in this folder. */
  options(...more: readonly string[]): string {
    const lower = Array.from({ length: this.#count }, (_, index) => `below/${index}`).join(":");
    return [`lowerdir=${lower}`, "upperdir=upper", "workdir=work", ...more].join(",");
  }
}

/** Gives a folder the owner and mode of another: those of / are those of the uppermost folder of an overlay. */
export function likeRoot(folder: string, { root }: Pick<LowerFolders, "root">): void {
  const { uid, gid, mode } = lstatSync(root);
  chownSync(folder, uid, gid);
  chmodSync(folder, mode & 0o7777);
}
