import { compareBytestrings, type TarType } from "@lading/oci";
import type { LayerEntry, LayerPlan } from "../entry.ts";
import { countEntries, RememberedPlan } from "./remembered-plan.ts";

/** A file below the layer that is being planned: what its header says. */
export interface LowerNode {
  readonly type: TarType;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly linkname: string;
  readonly xattrs?: ReadonlyMap<string, Uint8Array> | undefined;
}

/** The files below a layer. Paths are as in `EntryMeta`; symlinks are never followed. */
export interface Lower {
  get(path: string): LowerNode | undefined;
  /** Names in a directory, in no order. */
  names(path: string): Iterable<string>;
  /** Whether there is nothing at all. */
  readonly isEmpty: boolean;
}

/** What lies below the first layer of an image FROM scratch. */
export const nothing: Lower = { get: () => undefined, names: () => [], isEmpty: true };

/** What a layer that removes nothing has at paths that are asked for; undefined for nothing. */
export class Answers {
  /** In this build. */
  readonly asked = new Map<string, LowerNode | undefined>();
  readonly #kept: ReadonlyMap<string, LowerNode | undefined>;
  #isMore = false;

  /** `kept` are those of an earlier build. */
  constructor(kept: ReadonlyMap<string, LowerNode | undefined> = new Map()) {
    this.#kept = kept;
  }

  /** Whether one is asked for that was not kept. */
  get isMore(): boolean {
    return this.#isMore;
  }

  /** `find` finds what is not known yet. */
  get(path: string, find: () => LowerNode | undefined): LowerNode | undefined {
    if (this.asked.has(path)) return this.asked.get(path);
    const isKept = this.#kept.has(path);
    const node = isKept ? this.#kept.get(path) : find();
    // Attributes are not kept.
    if (node?.xattrs !== undefined) return node;
    this.asked.set(path, node);
    this.#isMore ||= !isKept;
    return node;
  }
}

/**
 * `lower` with a layer laid on it. Costs nothing until it is looked at, and little when it is looked at seldom. What is asked of
 * a layer that removes nothing is taken from `answers`, or put there.
 */
export function layOn(lower: Lower, plan: LayerPlan, answers?: Answers): Lower {
  if (countEntries(plan) === 0) return lower;
  let lookups = 0;
  let laid: Laid | undefined;
  const index = (): Laid => (laid ??= indexEntries(plan.entries));
  // One that does is planned in every build.
  const removes =
    !(plan instanceof RememberedPlan) && plan.entries.some(({ type }) => type === "whiteout" || type === "opaque");
  const find = (path: string): LowerNode | undefined => {
    const here = (): LowerNode | undefined => search(plan.entries, path);
    return answers === undefined ? here() : answers.get(path, here);
  };
  return {
    isEmpty: false,
    get(path) {
      // Most layers put a few files on top of many: an index of those would cost more than it saves.
      if (!removes && ++lookups < searches) return find(path) ?? lower.get(path);
      const { nodes, hidden } = index();
      return nodes.get(path) ?? (isHidden(hidden, path) ? undefined : lower.get(path));
    },
    names(path) {
      const { nodes, hidden } = index();
      const names = new Set<string>();
      for (const name of lower.names(path))
        if (!isHidden(hidden, path === "" ? name : `${path}/${name}`)) names.add(name);
      const prefix = path === "" ? "" : `${path}/`;
      for (const key of nodes.keys())
        if (key.startsWith(prefix) && key.length > prefix.length && !key.includes("/", prefix.length))
          names.add(key.slice(prefix.length));
      return names;
    },
  };
}

const searches = 500;

/** Finds an entry of a layer that removes nothing, whose entries are in the order of their paths. */
function search(entries: readonly LayerEntry[], path: string): LowerNode | undefined {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const entry = entries[middle];
    if (entry === undefined) return undefined;
    const order = compareBytestrings(entry.path, path);
    if (order === 0) return entry.type === "whiteout" || entry.type === "opaque" ? undefined : toNode(entry);
    if (order < 0) low = middle + 1;
    else high = middle;
  }
  return undefined;
}

interface Laid {
  readonly nodes: ReadonlyMap<string, LowerNode>;
  /** Paths that hide what is below them: true hides the path itself too. */
  readonly hidden: ReadonlyMap<string, boolean>;
}

function indexEntries(entries: readonly LayerEntry[]): Laid {
  const nodes = new Map<string, LowerNode>();
  const hidden = new Map<string, boolean>();
  for (const entry of entries) {
    if (entry.type === "whiteout") hidden.set(entry.path, true);
    else if (entry.type === "opaque") hidden.set(entry.path, false);
    else nodes.set(entry.path, toNode(entry));
  }
  return { nodes, hidden };
}

type NodeEntry = Exclude<LayerEntry, { type: "whiteout" | "opaque" }>;

function toNode(entry: NodeEntry): LowerNode {
  const { type, mode, uid, gid, xattrs } = entry;
  const linkname = entry.type === "symlink" || entry.type === "hardlink" ? entry.linkname : "";
  return { type, mode, uid, gid, linkname, xattrs };
}

function isHidden(hidden: ReadonlyMap<string, boolean>, path: string): boolean {
  if (hidden.size === 0) return false;
  if (hidden.get(path) === true) return true;
  for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1))
    if (hidden.has(path.slice(0, at))) return true;
  return path !== "" && hidden.has("");
}
