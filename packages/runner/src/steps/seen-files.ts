import { copyFileSync, lstatSync, readFileSync, readlinkSync, type Stats } from "node:fs";
import { join } from "node:path";
import type { TarType } from "@lading/oci";
import { expectedTypes, type ImageFacts, type Oddity } from "../image/image-facts.ts";
import { RunnerError } from "../errors.ts";
import { rootedPath } from "../state/rooted-path.ts";
import { hasCode } from "../state/system-error.ts";

const largestAccounts = 1024 * 1024; // bytes

/** Files that are mounted somewhere, with what must be known of them before a program runs in them. */
export class SeenFiles {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  /** Where a path leads in them, symlinks followed: absolute, as a program in them says it. The end need not be there. Throws RunnerError SPEC for what is below a file. */
  resolve(path: string): string {
    let found: string;
    try {
      found = rootedPath(this.#root, path).slice(this.#root.length);
    } catch (cause) {
      if (!hasCode(cause, "ENOTDIR")) throw cause;
      throw new RunnerError("SPEC", `Cannot use "${path}" in a step: it leads through a file`, { cause });
    }
    return found === "" ? "/" : found;
  }

  /** Undefined where there is nothing; a symlink at the end is not followed. */
  stat(path: string): Stats | undefined {
    try {
      return lstatSync(join(this.#root, path), { throwIfNoEntry: false });
    } catch {
      // Below a file.
      return undefined;
    }
  }

  /** Copies a file out of them, from a path without symlinks. */
  copy(path: string, to: string): void {
    copyFileSync(join(this.#root, path), to);
  }

  /** As `imageFacts` has it; paths that are asked for have to be resolved before. */
  facts(architecture: string): ImageFacts {
    const accounts = ["/etc/passwd", "/etc/group"] as const;
    const [passwd, group] = accounts.map((path) => this.#text(path));
    return {
      architecture,
      accounts: { passwd: passwd?.text ?? "", group: group?.text ?? "" },
      // Of use for ids of a container's own, which a step has none of.
      highestOwner: 0,
      oddities: expectedTypes.flatMap((expected) => this.#oddity(expected)),
      linkedAccounts: accounts.filter((path) => this.stat(path)?.isSymbolicLink() === true),
      links: new Map(),
      hasWorkingDir: true,
      volumes: [],
      hugeAccounts: accounts.filter((_, index) => [passwd, group][index]?.huge === true),
    };
  }

  #text(path: string): { readonly text: string; readonly huge: boolean } {
    const end = this.resolve(path);
    const stat = this.stat(end);
    if (stat?.isFile() !== true) return { text: "", huge: false };
    if (stat.size > largestAccounts) return { text: "", huge: true };
    return { text: readFileSync(join(this.#root, end), "utf8"), huge: false };
  }

  #oddity({ path, type, links }: (typeof expectedTypes)[number]): readonly Oddity[] {
    const stat = this.stat(path);
    if (stat === undefined || typeOf(stat) === type) return [];
    const end = stat.isSymbolicLink() ? this.stat(this.resolve(path)) : stat;
    if (links && end !== undefined && typeOf(end) === type) return [];
    const target = stat.isSymbolicLink() ? readlinkSync(join(this.#root, path)) : "";
    return [{ path: `/${path}`, type: end === undefined ? "dangling" : typeOf(stat), target }];
  }
}

function typeOf(stat: Stats): TarType {
  if (stat.isDirectory()) return "directory";
  if (stat.isSymbolicLink()) return "symlink";
  if (stat.isCharacterDevice()) return "char";
  if (stat.isBlockDevice()) return "block";
  return stat.isFIFO() ? "fifo" : "file";
}
