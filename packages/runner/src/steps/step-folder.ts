import { randomBytes } from "node:crypto";
import { mkdirSync, symlinkSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";

/*
 * A step's folder, which is where its mounts are made:
 *
 *   upper, work        what it changes
 *   below/N            symlinks to the folders that it sees, the uppermost first
 *   points             mount points that its files lack, the uppermost of these folders
 *   root               where its overlay is mounted
 *   binds/N            for things to mount that it may write to: `upper`, `work`, `below`, `root`, or `file`
 *   secrets            where a file system in memory is mounted
 *   etc, ssh-N         files and sockets to mount
 *   config.json, log   of the runtime
 *
 * Overlays are given names from here, which are short and without commas and colons: their options
 * end after 4096 bytes, and paths of other people may hold anything.
 */

/** A folder with an overlay: what it shows is at `root` where it is mounted. */
export class OverlayFolder {
  readonly path: string;
  readonly #count: number;

  /** @param lower - The uppermost first; at least one. */
  constructor(path: string, lower: readonly string[]) {
    this.path = path;
    this.#count = lower.length;
    for (const name of ["", "upper", "work", "root", "below"]) mkdirSync(join(path, name), { mode: 0o700 });
    for (const [index, folder] of lower.entries()) symlinkSync(folder, join(path, "below", String(index)));
  }

  get upper(): string {
    return join(this.path, "upper");
  }

  get root(): string {
    return join(this.path, "root");
  }

  /** For mount(8), in this folder. Nothing may be kept of a file but the whole: what is above is all that is taken on. */
  options(inUserNamespace: boolean): string {
    const lower = Array.from({ length: this.#count }, (_, index) => `below/${index}`).join(":");
    const layers = `lowerdir=${lower},upperdir=upper,workdir=work`;
    return `${layers},${inUserNamespace ? "userxattr" : "metacopy=off,redirect_dir=off"}`;
  }
}

/** Twelve digits, which also are a runtime's name for a container. */
export function stepId(): string {
  return randomBytes(6).toString("hex");
}

/** Takes a folder away for good, also what only its own mode protects. */
export async function removeFolder(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 3 });
}
