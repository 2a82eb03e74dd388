import type { ListedEntry, Owner } from "./listing.ts";

/**
 * Turns files that are one on disk, or in an archive, into hardlinks to the first of them. Only what has equal mode,
 * owner, time and attributes can be one file in a layer too. `entries` are in archive order.
 */
export function linkEqualFiles(entries: ListedEntry[], identities: ReadonlyMap<ListedEntry, string>): ListedEntry[] {
  if (identities.size < 2) return entries;
  const firsts = new Map<string, ListedEntry>();
  return entries.map((entry) => {
    const identity = identities.get(entry);
    if (identity === undefined || entry.type !== "file") return entry;
    const key = `${identity} ${entry.mode} ${entry.mtime} ${formatOwner(entry.owner)} ${formatXattrs(entry.xattrs)}`;
    const first = firsts.get(key);
    // Two adds may put one file at one path: that is a duplicate, and no link to itself.
    if (first === undefined || first.path === entry.path) {
      firsts.set(key, first ?? entry);
      return entry;
    }
    const { size: _size, content: _content, ...rest } = entry;
    return { ...rest, type: "hardlink", linkname: first.path };
  });
}

function formatOwner(owner: Owner): string {
  return "uid" in owner ? `${owner.uid}:${owner.gid}` : JSON.stringify([owner.user, owner.group]);
}

function formatXattrs(xattrs: ReadonlyMap<string, Uint8Array> | undefined): string {
  return Array.from(xattrs ?? [], ([name, value]) => `${name}=${Buffer.from(value).toString("hex")}`).join();
}
