import { rmSync } from "node:fs";
import type { Digest, Options } from "@lading/oci";
import { lowerFolders } from "./lower-folders.ts";
import { OverlayFolder } from "./overlay-folder.ts";
import { withOverlay } from "./overlay.ts";

/**
 * Shows an image's files, with the owners that it says, for as long as `work` takes: mounted in `folder`, which goes
 * afterwards. Throws as `lowerFolders` and `withOverlay`.
 */
export async function withImageFiles<T>(
  root: string,
  image: Digest,
  folder: string,
  work: (files: string) => Promise<T>,
  options: Options = {},
): Promise<T> {
  const { folders } = await lowerFolders(root, image, undefined, options);
  try {
    return await withOverlay({ folder: OverlayFolder.make(folder, folders), options: [] }, work, options);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
