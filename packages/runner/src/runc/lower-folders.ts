import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Digest, Options } from "@lading/oci";
import { RunnerError } from "../errors.ts";
import type { IdMaps } from "../spec/namespaces.ts";
import { rootfsOf, treesOf } from "./image-folder.ts";
import type { LowerFolders } from "./overlay-folder.ts";
import { layerFacts } from "./tree-facts.ts";

/** The folders that make up an image's files for whoever counts by these maps. Throws RunnerError NOT_FOUND. */
export async function lowerFolders(
  root: string,
  image: Digest,
  maps: IdMaps | undefined,
  options: Options = {},
): Promise<LowerFolders> {
  const trees = treesOf(root, image);
  if (trees.length === 0) throw new RunnerError("NOT_FOUND", `Cannot find the files of image ${image} in ${root}`);
  if (maps === undefined) return asImageHasThem(trees);
  // Whoever counts the same shares them.
  const name = createHash("sha256").update(JSON.stringify(maps)).digest("hex").slice(0, 16);
  const mappedOf = (tree: string): string => join(tree, "mapped", name);
  for (const tree of trees.filter((each) => !existsSync(mappedOf(each)))) {
    const { mapOwners } = await import("./map-owners.ts");
    await mapOwners(tree, maps, mappedOf(tree), options);
  }
  return {
    folders: trees.flatMap((tree) => [mappedOf(tree), rootfsOf(tree)]),
    root: mappedOf(rootTree(trees)),
  };
}

/** The folders that trees are, the uppermost first; at least one. */
export function asImageHasThem(trees: readonly string[]): LowerFolders {
  return { folders: trees.map(rootfsOf), root: rootfsOf(rootTree(trees)) };
}

function rootTree(trees: readonly string[]): string {
  return trees.find((tree) => layerFacts(tree)?.hasRoot ?? true) ?? trees.at(-1) ?? "";
}
