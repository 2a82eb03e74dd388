import { decodeBytestring, encodeBytestring } from "@lading/oci";
import type { LayerEntry } from "../entry.ts";
import type { LayerExplanation } from "../result.ts";

/*
 * What is kept of a layer to tell, at the next build, why it is another one: each entry's path and
 * a line of what went into the tar, contents as CRC-32. Fields and entries end with a NUL, which
 * neither paths nor links can hold.
 */

type Change = LayerExplanation["changes"][number];

/** Changes that an explanation names; the rest is counted. */
const LIMIT = 10;

/** Characters that are encoded at a time: a layer may have a million entries. */
const PART_LENGTH = 1 << 16;

const HEADING = "lading listing 1";

/** @param checksums - CRC-32 of every file, by the place of its entry. */
export function formatListing(entries: readonly LayerEntry[], checksums: Uint32Array): Uint8Array {
  const parts: Uint8Array[] = [];
  let text = `${HEADING}\0`;
  for (const [index, entry] of entries.entries()) {
    text += `${entry.path}\0${describe(entry, checksums[index] ?? 0)}\0`;
    if (text.length < PART_LENGTH) continue;
    parts.push(encodeBytestring(text));
    text = "";
  }
  parts.push(encodeBytestring(text));
  return Buffer.concat(parts);
}

/** How two builds of a layer differ, in the order of the archive, what was removed last. */
export function compareListings(before: Uint8Array, after: Uint8Array): Pick<LayerExplanation, "changes" | "more"> {
  const old = parseListing(before);
  const changes: Change[] = [];
  let count = 0;
  const add = (path: string, what: Change["what"]): void => {
    count += 1;
    if (changes.length < LIMIT) changes.push({ path, what });
  };
  for (const [path, line] of parseListing(after)) {
    const was = old.get(path);
    old.delete(path);
    if (was === undefined) add(path, "added");
    else if (was !== line) add(path, difference(was, line));
  }
  for (const path of old.keys()) add(path, "removed");
  return { changes, more: count - changes.length };
}

/** The entries by path; none when this is not a listing. */
function parseListing(bytes: Uint8Array): Map<string, string> {
  const fields = decodeBytestring(bytes).split("\0");
  const listing = new Map<string, string>();
  if (fields[0] !== HEADING) return listing;
  for (let at = 1; at + 1 < fields.length; at += 2) listing.set(fields[at] ?? "", fields[at + 1] ?? "");
  return listing;
}

/** Kind, mode, owner, time, and last what the content is, in which there may be spaces. */
function describe(entry: LayerEntry, checksum: number): string {
  const { type, mode, uid, gid, mtime } = entry;
  return `${type} ${mode} ${uid}:${gid} ${mtime} ${describeContent(entry, checksum)}${describeXattrs(entry)}`;
}

function describeContent(entry: LayerEntry, checksum: number): string {
  if (entry.type === "file") return `${entry.size} ${checksum}`;
  if (entry.type === "symlink" || entry.type === "hardlink") return entry.linkname;
  return entry.type === "char" || entry.type === "block" ? `${entry.devmajor}:${entry.devminor}` : "";
}

function describeXattrs({ xattrs }: LayerEntry): string {
  if (xattrs === undefined) return "";
  return [...xattrs]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => ` ${name}=${Buffer.from(value).toString("base64")}`)
    .join("");
}

/** The most telling of the differences. */
function difference(before: string, after: string): Change["what"] {
  const [oldKind, oldMode, oldOwner, , ...oldContent] = before.split(" ");
  const [kind, mode, owner, , ...content] = after.split(" ");
  if (kind !== oldKind) return "kind";
  if (content.join(" ") !== oldContent.join(" ")) return "content";
  if (mode !== oldMode) return "mode";
  return owner === oldOwner ? "time" : "owner";
}
