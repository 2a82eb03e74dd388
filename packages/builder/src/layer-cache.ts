import { type Digest, digestHex } from "@lading/oci";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { attempt, BlobFile } from "./blob-file.ts";

export class LayerCache {
  readonly folder: string;
  private constructor(folder: string) {
    this.folder = folder;
  }
  static async open(folder: string): Promise<LayerCache> {
    attempt(folder, () => {
      mkdirSync(join(folder, "blobs/sha256"), { recursive: true });
      mkdirSync(join(folder, "tmp"), { recursive: true });
      if (!existsSync(join(folder, "oci-layout")))
        writeFileSync(join(folder, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
    });
    return new LayerCache(folder);
  }
  createBlob(): BlobFile {
    return new BlobFile(join(this.folder, "tmp"));
  }
  commitBlob(blob: BlobFile, digest: Digest): void {
    blob.commit(this.blobPath(digest));
  }
  blobPath(digest: Digest): string {
    return join(this.folder, "blobs/sha256", digestHex(digest));
  }
}
