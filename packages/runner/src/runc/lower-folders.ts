import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Digest, Options } from "@lading/oci";
import type { IdMaps } from "../spec/namespaces.ts";
import { rootfsOf, treeOf } from "./image-folder.ts";

/** The folders, the uppermost first, that make up an image's files for whoever counts by these maps. */
export async function lowerFolders(
  root: string,
  image: Digest,
  maps: IdMaps | undefined,
  options: Options = {},
): Promise<readonly string[]> {
  if (maps === undefined) return [rootfsOf(root, image)];
  // Whoever counts the same shares it.
  const name = createHash("sha256").update(JSON.stringify(maps)).digest("hex").slice(0, 16);
  const mapped = join(treeOf(root, image), "mapped", name);
  if (!existsSync(mapped)) {
    const { mapOwners } = await import("./map-owners.ts");
    await mapOwners(root, image, maps, mapped, options);
  }
  return [mapped, rootfsOf(root, image)];
}
