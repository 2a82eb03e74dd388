import { join } from "node:path";
import type { Digest } from "@lading/oci";

/*
 * Images below the state folder:
 *
 *   images/HEX/image.json    config and the manifest's digest; HEX is the image's ID
 *   images/HEX/tree          a symlink to the folder of its files
 *   images/names/NAME        a symlink that says HEX and the name; called by the name, as in a URL
 *   trees/HEX/rootfs         files as a container sees them, for images of the same layers; HEX is the chain ID
 *   trees/HEX/tree.json      their size, and which of them have capabilities
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

/** Where an image's files are, and what is known of them. */
export function treeOf(root: string, image: Digest): string {
  return join(imagesFolder(root), hexOf(image), "tree");
}

/** Its files, which nobody writes to. */
export function rootfsOf(root: string, image: Digest): string {
  return join(treeOf(root, image), "rootfs");
}

/** The digits of a digest. `digestHex` of @lading/oci is the same; a monitor does not load that. */
export function hexOf(digest: Digest): string {
  return digest.slice(digest.indexOf(":") + 1);
}
