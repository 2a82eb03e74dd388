import {
  type Descriptor,
  formatReference,
  isManifestType,
  OciError,
  type Options,
  parseManifest,
  parseReference,
  readBlob,
  withDefaultTag,
} from "@lading/oci";
import type { Bundle, BundledImage } from "./bundle.ts";

/**
 * Holds manifest.json, which Docker and podman read, against index.json: an image that the one calls
 * by a name must be of the image that the other calls so. Throws OciError INVALID_ARCHIVE.
 */
export async function verifyDockerEntries(bundle: Bundle, options: Options = {}): Promise<void> {
  const fail = (reason: string): OciError =>
    new OciError("INVALID_ARCHIVE", `Cannot trust ${bundle.file}: its manifest.json ${reason}`);
  for (const { Config, Layers, RepoTags = [] } of (await bundle.dockerEntries(options)) ?? []) {
    const images = await manifestsOf(bundle, Config, Layers, options);
    if (images.length === 0) throw fail(`has an image of ${Config} that its index.json does not have`);
    for (const tag of RepoTags) {
      const name = fullName(tag);
      const named = bundle.images.filter((image) => image.name === name);
      if (!named.some((image) => holds(bundle, image, images)))
        throw fail(`calls ${Config} ${JSON.stringify(tag)}, and its index.json does not`);
    }
  }
}

/** Manifests of the bundle with just this config and these layers. */
async function manifestsOf(
  bundle: Bundle,
  config: string,
  layers: readonly string[],
  options: Options,
): Promise<readonly Descriptor[]> {
  const found: Descriptor[] = [];
  for (const descriptor of bundle.content.values()) {
    if (!isManifestType(descriptor.mediaType)) continue;
    const manifest = parseManifest(await readBlob(bundle.blob(descriptor), options), descriptor.mediaType);
    const paths = [manifest.config, ...manifest.layers].map(({ digest }) => `blobs/${digest.replace(":", "/")}`);
    if (paths.join("\n") === [config, ...layers].join("\n")) found.push(descriptor);
  }
  return found;
}

function holds(bundle: Bundle, image: BundledImage, manifests: readonly Descriptor[]): boolean {
  const digests = new Set(bundle.belongings(image).content.map(({ digest }) => digest));
  return manifests.some(({ digest }) => digests.has(digest));
}

function fullName(tag: string): string | undefined {
  try {
    return formatReference(withDefaultTag(parseReference(tag)));
  } catch {
    return undefined;
  }
}
