import { type Descriptor, OciError, type Options } from "@lading/oci";
import type { Bundle } from "./bundle.ts";
import { verifyDockerEntries } from "./verify-docker-entries.ts";

export interface VerifyBundleOptions extends Options {
  /** Bundles that a delta builds on: what it lacks is looked for, and verified, there. */
  readonly bases?: readonly Bundle[];
  /** So many bytes more were read. */
  readonly onBytes?: (count: number) => void;
}

/** What was verified. */
export interface VerifiedBundle {
  /** Blobs and documents that were read and are what their digests say. */
  readonly blobs: number;
  readonly bytes: number;
  /** What is neither in the bundle nor in `bases`: what a delta needs of the other side. */
  readonly missing: readonly Descriptor[];
}

/**
 * Reads all that a bundle leads to, and holds it against digest and size. Asks nobody. Throws
 * OciError DIGEST_MISMATCH or SIZE_MISMATCH for what was changed, INVALID_ARCHIVE for what is not
 * there, though the bundle is no delta, and for a manifest.json that says otherwise than index.json.
 */
export async function verifyBundle(bundle: Bundle, options: VerifyBundleOptions = {}): Promise<VerifiedBundle> {
  const { bases = [], onBytes, signal } = options;
  await bundle.verifyParts({ signal });
  await verifyDockerEntries(bundle, { signal });
  const missing: Descriptor[] = [];
  let blobs = 0;
  let bytes = 0;
  for (const descriptor of bundle.content.values()) {
    const { digest } = descriptor;
    const holder = bundle.holds(digest) ? bundle : bases.find((base) => base.holds(digest));
    if (holder === undefined) {
      if (bundle.delta === undefined)
        throw new OciError("INVALID_ARCHIVE", `Cannot trust ${bundle.file}: ${digest}, which it names, is not in it`);
      missing.push(descriptor);
      continue;
    }
    for await (const chunk of holder.blob(descriptor).open({ signal })) {
      bytes += chunk.byteLength;
      onBytes?.(chunk.byteLength);
    }
    blobs += 1;
  }
  return { blobs, bytes, missing };
}
