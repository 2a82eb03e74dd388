import { compareBytestrings } from "@lading/oci";
import { BuildError } from "../errors.ts";
import type { EntrySink } from "../list/collected.ts";
import { Hardlinks } from "../list/hardlinks.ts";
import type { ListedEntry } from "../list/listing.ts";

/** What one COPY or ADD puts into its layer: what comes later takes the place of what came before. */
export class Transferred implements EntrySink {
  readonly #entries = new Map<string, { readonly entry: ListedEntry; readonly identity: unknown }>();

  add(entry: ListedEntry): void {
    const before = this.#entries.get(entry.path)?.entry;
    if (before !== undefined && (before.type === "directory") !== (entry.type === "directory"))
      throw new BuildError(
        "DESTINATION_CONFLICT",
        `Cannot put "${entry.origin}" at "/${entry.path}": "${before.origin}" is there, and one of them is a folder`,
      );
    // A folder that is only on the way says nothing of one that is there.
    if (before !== undefined && entry.type === "directory" && !entry.explicit) return;
    this.#entries.set(entry.path, { entry, identity: undefined });
  }

  addFile(entry: ListedEntry, _name: string, identity: unknown): void {
    this.add(entry);
    this.#entries.set(entry.path, { entry, identity });
  }

  /** The entries in the order of their paths' bytes; names of one file are hardlinks. */
  finish(): ListedEntry[] {
    const hardlinks = new Hardlinks();
    const entries: ListedEntry[] = [];
    for (const { entry, identity } of this.#entries.values()) {
      entries.push(entry);
      if (identity !== undefined) hardlinks.note(entry, identity);
    }
    return hardlinks.apply(entries.sort((a, b) => compareBytestrings(a.path, b.path)));
  }
}
