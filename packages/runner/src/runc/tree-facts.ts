import { join } from "node:path";
import { readJson } from "../state/json-file.ts";

/** The bytes of a tree's files; undefined where there are none. See `writeTreeRecord`. */
export function treeSize(folder: string): number | undefined {
  const record = readJson(join(folder, "tree.json"));
  return typeof record === "object" && record !== null && "size" in record && typeof record.size === "number"
    ? record.size
    : undefined;
}

/** What is to be known of a tree that is of a layer that stands alone. */
export interface LayerFacts {
  /** Whether it says who owns /. */
  readonly hasRoot: boolean;
  /** The folders that layers below must have. */
  readonly needed: readonly string[];
}

/** Undefined of a tree that may not be laid over others. See `loneLayer`. */
export function layerFacts(folder: string): LayerFacts | undefined {
  const record = readJson(join(folder, "tree.json"));
  if (typeof record !== "object" || record === null || !("layer" in record)) return undefined;
  const { layer } = record;
  if (typeof layer !== "object" || layer === null || !("hasRoot" in layer) || !("needed" in layer)) return undefined;
  const { hasRoot, needed } = layer;
  if (!Array.isArray(needed)) return undefined;
  return { hasRoot: hasRoot === true, needed: needed.filter((path) => typeof path === "string") };
}
