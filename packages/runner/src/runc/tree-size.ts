import { join } from "node:path";
import { readJson } from "../state/json-file.ts";

/** The bytes of an image's unpacked files; undefined where there are none. See `writeTreeRecord`. */
export function treeSize(folder: string): number | undefined {
  const record = readJson(join(folder, "tree.json"));
  return typeof record === "object" && record !== null && "size" in record && typeof record.size === "number"
    ? record.size
    : undefined;
}
