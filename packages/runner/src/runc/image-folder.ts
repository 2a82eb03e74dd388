import { join } from "node:path";
import type { Digest } from "@lading/oci";
import { readJson } from "../state/json-file.ts";

/*
 * Images below the state folder:
 *
 *   images/HEX/image.json    config, the manifest's digest and the names of its trees; HEX is the image's ID
 *   images/names/NAME        a symlink that says HEX and the name; called by the name, as in a URL
 *   trees/HEX/rootfs         files, for all images that have them: of a layer, and HEX is mostly its diffID; or of a
 *                            layer with all below it, and HEX is the chain ID
 *   trees/HEX/tree.json      their size, which of them have capabilities, and whether they are of a layer
 *   trees/HEX/mapped/        their owners as user namespaces have them: see `mapOwners`
 *
 * Folders HEX appear by rename, when all of them is there.
 */

export function imagesFolder(root: string): string {
  return join(root, "images");
}

export function treesFolder(root: string): string {
  return join(root, "trees");
}

/** Whether this is the digits of a digest, SHA-256 or SHA-512. */
export function isHex(name: unknown): name is string {
  return typeof name === "string" && /^(?:[0-9a-f]{64}|[0-9a-f]{128})$/.test(name);
}

/** The names of the trees that make up an image's files, the uppermost first; undefined where there is no image. */
export function treeNames(root: string, hex: string): readonly string[] | undefined {
  const record = readJson(join(imagesFolder(root), hex, "image.json"));
  if (typeof record !== "object" || record === null || !("trees" in record)) return undefined;
  const { trees } = record;
  return Array.isArray(trees) && trees.every(isHex) ? trees : undefined;
}

/** The trees that make up an image's files, the uppermost first. */
export function treesOf(root: string, image: Digest): readonly string[] {
  return (treeNames(root, hexOf(image)) ?? []).map((name) => join(treesFolder(root), name));
}

/** What a tree holds, which nobody writes to. */
export function rootfsOf(tree: string): string {
  return join(tree, "rootfs");
}

/** The digits of a digest. `digestHex` of @lading/oci is the same; a monitor does not load that. */
export function hexOf(digest: Digest): string {
  return digest.slice(digest.indexOf(":") + 1);
}
