import type { Hash } from "node:crypto";
import type { Stats } from "node:fs";
import type { FileStat } from "../entry.ts";
import { hashText } from "../hash-text.ts";
import { isFolder } from "./file-kind.ts";
import { ChangeTimes } from "./change-times.ts";

/** Mode, size, mtime, ctime, inode, device, names and folder of each thing. */
const COLUMNS = 8;
/** Things whose numbers are in one array: one that grows would be copied, and its memory touched, again and again. */
const CHUNK = 256;

/**
 * What a walk found, in its order. A project has tens of thousands of files, and mostly none of them has changed: so this
 * holds a name and some numbers of each, and no objects.
 */
export class Snapshot {
  /** Folders below the one walked that something was found in, with a slash at the end; "" for that itself. */
  readonly #folders: string[] = [];
  readonly #names: string[] = [];
  readonly #numbers: Float64Array[] = [];
  #last = new Float64Array();
  /** Whether it has the times of folders, which change with what is in them. */
  readonly folderTimes: boolean;
  readonly #times: ChangeTimes;
  /** Whether filters left something out. */
  leftOut = false;

  /** `times` is told of what is no folder. */
  constructor(times: ChangeTimes, { folderTimes }: { readonly folderTimes: boolean }) {
    this.#times = times;
    this.folderTimes = folderTimes;
  }

  get length(): number {
    return this.#names.length;
  }

  /** Takes a folder that things are going to be found in; returns what `add` calls it. */
  enter(inner: string): number {
    return this.#folders.push(inner) - 1;
  }

  add(folder: number, name: string, stat: Stats): void {
    const index = this.#names.push(name) - 1;
    const first = (index % CHUNK) * COLUMNS;
    if (first === 0) this.#numbers.push((this.#last = new Float64Array(CHUNK * COLUMNS)));
    const numbers = this.#last;
    numbers[first] = stat.mode;
    numbers[first + 7] = folder;
    if (isFolder(stat.mode)) {
      // The rest is of no importance to a layer: what is in it, a walk finds out.
      if (this.folderTimes) numbers[first + 2] = stat.mtimeMs;
      return;
    }
    numbers[first + 1] = stat.size;
    numbers[first + 2] = stat.mtimeMs;
    numbers[first + 3] = stat.ctimeMs;
    numbers[first + 4] = stat.ino;
    numbers[first + 5] = stat.dev;
    numbers[first + 6] = stat.nlink;
    this.#times.note(stat.ctimeMs);
  }

  /** Its path below the folder walked. */
  inner(index: number): string {
    return (this.#folders[this.#number(index, 7)] ?? "") + this.name(index);
  }

  name(index: number): string {
    return this.#names[index] ?? "";
  }

  stat(index: number): FileStat {
    return {
      size: this.#number(index, 1),
      mtimeMs: this.#number(index, 2),
      ctimeMs: this.#number(index, 3),
      ino: this.#number(index, 4),
      dev: this.#number(index, 5),
      mode: this.#number(index, 0),
    };
  }

  /** How many names it has. */
  links(index: number): number {
    return this.#number(index, 6);
  }

  /** Enters all of it. */
  hash(hash: Hash): void {
    for (const [at, numbers] of this.#numbers.entries())
      hash.update(numbers.subarray(0, (this.length - at * CHUNK) * COLUMNS));
    hashText(hash, `${this.length} ${this.leftOut}\0${this.#folders.join("\0")}\0`);
    hashText(hash, this.#names.join("\0"));
  }

  #number(index: number, column: number): number {
    return this.#numbers[Math.trunc(index / CHUNK)]?.[(index % CHUNK) * COLUMNS + column] ?? 0;
  }
}
