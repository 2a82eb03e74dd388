import type { IndexedEntry, LayerIndex } from "./layer-index.ts";
import type { TarHeader, TarType } from "../tar/tar-header.ts";

/** Changes whenever the text, or what `indexLayer` makes of a layer, changes. */
const version = 1;

const types: readonly TarType[] = ["file", "hardlink", "symlink", "char", "block", "directory", "fifo"];
const whiteout = 10;
const opaque = 11;
const ignored = 12;

/** The index as JSON, to be kept under the layer's digest. */
export function formatLayerIndex(index: LayerIndex): string {
  return JSON.stringify([version, index.entries.map(row)]);
}

/** The inverse of `formatLayerIndex`. Throws SyntaxError when `text` is damaged or of another version. */
export function parseLayerIndex(text: string): LayerIndex {
  const document: unknown = JSON.parse(text);
  if (!Array.isArray(document) || document[0] !== version || !Array.isArray(document[1]))
    throw new SyntaxError(`Cannot parse layer index: it is not of version ${version}`);
  return { entries: document[1].map(readEntry) };
}

function row(entry: IndexedEntry): unknown[] {
  if (entry.kind === "ignored") return [ignored];
  if (entry.kind !== "node") return [entry.kind === "opaque" ? opaque : whiteout, entry.path];
  const { path, type, mode, uid, gid, mtime, size, linkname, uname, gname, devmajor, devminor, xattrs } = entry.header;
  const fields: unknown[] = [types.indexOf(type), path, mode, uid, gid, mtime, size, linkname];
  if (uname !== "" || gname !== "" || devmajor !== 0 || devminor !== 0 || xattrs.size > 0)
    fields.push(uname, gname, devmajor, devminor);
  for (const [name, value] of xattrs) fields.push(name, Buffer.from(value).toString("base64"));
  return fields;
}

const noXattrs: ReadonlyMap<string, Uint8Array> = new Map();

function readEntry(fields: unknown): IndexedEntry {
  if (!Array.isArray(fields)) throw damaged();
  const kind = natural(fields[0]);
  if (kind === ignored) return { kind: "ignored" };
  const path = string(fields[1]);
  if (kind === whiteout) return { kind: "whiteout", path };
  if (kind === opaque) return { kind: "opaque", path };
  const type = types[kind];
  if (type === undefined) throw damaged();
  const plain = fields.length <= 8;
  const mtime: unknown = fields[5];
  if (typeof mtime !== "number") throw damaged();
  const header: TarHeader = {
    path,
    type,
    mode: natural(fields[2]),
    uid: natural(fields[3]),
    gid: natural(fields[4]),
    uname: plain ? "" : string(fields[8]),
    gname: plain ? "" : string(fields[9]),
    size: natural(fields[6]),
    mtime,
    linkname: string(fields[7]),
    devmajor: plain ? 0 : natural(fields[10]),
    devminor: plain ? 0 : natural(fields[11]),
    xattrs: fields.length <= 12 ? noXattrs : readXattrs(fields),
  };
  return { kind: "node", header };
}

function readXattrs(fields: readonly unknown[]): ReadonlyMap<string, Uint8Array> {
  const found = new Map<string, Uint8Array>();
  for (let i = 12; i < fields.length; i += 2)
    found.set(string(fields[i]), Uint8Array.from(Buffer.from(string(fields[i + 1]), "base64")));
  return found;
}

function natural(value: unknown): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw damaged();
}

function string(value: unknown): string {
  if (typeof value === "string") return value;
  throw damaged();
}

function damaged(): SyntaxError {
  return new SyntaxError("Cannot parse layer index: an entry is damaged");
}
