import { type Descriptor, type Digest, isManifestType, mediaTypes } from "@lading/oci";

/*
 * containerd collects what nothing refers to. An image's record refers to its manifest, and labels
 * on content say the rest (https://github.com/containerd/containerd/blob/main/docs/garbage-collection.md):
 * the manifest's name config and layers, the config's names the snapshot that was unpacked.
 */

const configTypes: ReadonlySet<string> = new Set([mediaTypes.ociConfig, mediaTypes.dockerConfig]);
const layerTypes = /^application\/vnd\.(?:oci\.image\.layer\.|docker\.image\.rootfs\.)/;

/** The labels of a document whose children these are, named and numbered as containerd's own client does. */
export function childLabels(children: readonly Descriptor[]): Readonly<Record<string, string>> {
  const labels: Record<string, string> = {};
  const seen = new Map<string, number>();
  for (const child of children) {
    const kind = kindOf(child);
    const index = seen.get(kind) ?? 0;
    seen.set(kind, index + 1);
    labels[`containerd.io/gc.ref.content.${kind}${kind === "config" && index === 0 ? "" : index}`] = child.digest;
  }
  return labels;
}

function kindOf({ mediaType }: Descriptor): string {
  if (configTypes.has(mediaType)) return "config";
  if (isManifestType(mediaType)) return "m.";
  return layerTypes.test(mediaType) ? "l." : "";
}

/** The label of a config whose layers are unpacked: `chainId` names the top one. */
export function snapshotLabel(snapshotter: string, chainId: Digest): Readonly<Record<string, string>> {
  return { [`containerd.io/gc.ref.snapshot.${snapshotter}`]: chainId };
}

/** The label of a layer whose tar is known. */
export function uncompressedLabel(diffId: Digest): Readonly<Record<string, string>> {
  return { "containerd.io/uncompressed": diffId };
}
