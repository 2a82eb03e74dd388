import { compareBytestrings } from "@lading/oci";
import type { ListedEntry, Owner } from "./listing.ts";

/**
 * Finds the files of a listing that are one file where they come from. Most that could be are not (every file of a pnpm
 * store has other names elsewhere), so that noting one must cost next to nothing.
 */
export class Hardlinks {
  readonly #groups = new Map<unknown, ListedEntry | ListedEntry[]>();
  readonly #shared: ListedEntry[][] = [];

  /** Notes a file; `identity` is what its names have in common, by ===. */
  note(entry: ListedEntry, identity: unknown): void {
    const before = this.#groups.get(identity);
    if (before === undefined) this.#groups.set(identity, entry);
    else if (Array.isArray(before)) before.push(entry);
    else {
      const group = [before, entry];
      this.#groups.set(identity, group);
      this.#shared.push(group);
    }
  }

  /**
   * The entries, each file that is the same as one with a path before its own replaced by a hardlink to the first. What
   * differs in mode, owner, time or attributes cannot be one file in the layer and stays apart.
   */
  apply(entries: ListedEntry[]): ListedEntry[] {
    const links = new Map<ListedEntry, ListedEntry>();
    for (const group of this.#shared) {
      const firsts = new Map<string, ListedEntry>();
      for (const entry of group.toSorted((a, b) => compareBytestrings(a.path, b.path))) {
        const key = `${entry.mode} ${entry.mtime} ${formatOwner(entry.owner)} ${formatXattrs(entry.xattrs)}`;
        const first = firsts.get(key);
        if (first === undefined) firsts.set(key, entry);
        // One file put twice at one path is a duplicate, and no link to itself.
        else if (first.path !== entry.path) links.set(entry, linkTo(entry, first.path));
      }
    }
    return links.size === 0 ? entries : entries.map((entry) => links.get(entry) ?? entry);
  }
}

function linkTo(entry: ListedEntry, linkname: string): ListedEntry {
  const { path, mode, owner, mtime, origin, explicit, xattrs } = entry;
  const link: ListedEntry = { path, mode, owner, mtime, origin, explicit, type: "hardlink", linkname };
  return xattrs === undefined ? link : { ...link, xattrs };
}

function formatOwner(owner: Owner): string {
  return "uid" in owner ? `${owner.uid}:${owner.gid}` : JSON.stringify([owner.user, owner.group]);
}

function formatXattrs(xattrs: ReadonlyMap<string, Uint8Array> | undefined): string {
  return Array.from(xattrs ?? [], ([name, value]) => `${name}=${Buffer.from(value).toString("hex")}`).join();
}
