import { compareBytestrings } from "@lading/oci";
import { Hardlinks } from "./hardlinks.ts";
import type { ListedEntry } from "./listing.ts";
import { maySecret, refuseSecrets } from "./secrets.ts";

/** Takes the entries of a layer. */
export interface EntrySink {
  add(entry: ListedEntry): void;
  /** Adds a file. `name` is the source's; `identity` is set when it may have other names in the layer. */
  addFile(entry: ListedEntry, name: string, identity: unknown): void;
}

/** The entries of one layer while they are collected. */
export class Collected implements EntrySink {
  readonly #entries: ListedEntry[] = [];
  readonly #hardlinks = new Hardlinks();
  readonly #suspects: ListedEntry[] = [];

  add(entry: ListedEntry): void {
    this.#entries.push(entry);
  }

  addFile(entry: ListedEntry, name: string, identity: unknown): void {
    this.#entries.push(entry);
    if (identity !== undefined) this.#hardlinks.note(entry, identity);
    if (maySecret(name)) this.#suspects.push(entry);
  }

  /** The entries in the order of their paths' bytes, those of one path as they came. Throws BuildError SECRET. */
  finish(allowSecrets: readonly string[]): ListedEntry[] {
    refuseSecrets(this.#suspects, allowSecrets);
    sortByPath(this.#entries);
    return this.#hardlinks.apply(this.#entries);
  }
}

function sortByPath(entries: ListedEntry[]): void {
  // A walk comes sorted. Strings compare by UTF-16, which orders as bytes do below the surrogates.
  let plain = true;
  let sorted = true;
  let last = "";
  for (const { path } of entries) {
    if (path < last) sorted = false;
    if (aboveSurrogates.test(path)) plain = false;
    last = path;
  }
  if (!plain) entries.sort((a, b) => compareBytestrings(a.path, b.path));
  else if (!sorted) entries.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}

const aboveSurrogates = /[\ud800-\uffff]/;
