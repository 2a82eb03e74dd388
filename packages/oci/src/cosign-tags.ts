import { type Digest, digestAlgorithm, digestHex, isDigest } from "./digest.ts";

/*
 * Before content had a `subject`, cosign kept what belongs to an image at tags made of the image's
 * digest, and containers/image reads them still (cosign's SIGNATURE_SPEC.md, "Storage").
 */

const suffixes = ["sig", "att", "sbom"] as const;

/** `sig` for signatures, `att` for attestations, `sbom` for package lists. */
export type CosignSuffix = (typeof suffixes)[number];

/** The tag at which cosign keeps what is of a kind and about a manifest: `sha256-….sig`. */
export function cosignTag(subject: Digest, suffix: CosignSuffix): string {
  return `${digestAlgorithm(subject)}-${digestHex(subject)}.${suffix}`;
}

/** All tags at which cosign keeps what is about a manifest. */
export function cosignTags(subject: Digest): readonly string[] {
  return suffixes.map((suffix) => cosignTag(subject, suffix));
}

/** What a tag says, when it is one of cosign's; undefined when it is not. */
export function parseCosignTag(tag: string): { readonly subject: Digest; readonly suffix: CosignSuffix } | undefined {
  const [, algorithm, hex, word] = /^(sha\d+)-([0-9a-f]+)\.([a-z]+)$/.exec(tag) ?? [];
  const subject = `${algorithm}:${hex}`;
  const suffix = suffixes.find((known) => known === word);
  return suffix !== undefined && isDigest(subject) ? { subject, suffix } : undefined;
}

/** Whether an image's name, in full or a tag alone, is that of something that cosign keeps beside an image. */
export function isCosignName(name: string): boolean {
  return parseCosignTag(name.slice(name.lastIndexOf(":") + 1)) !== undefined;
}

/** How cosign marks in a layout's index.json what is what, by the annotation `kind`. */
export const cosignKinds = {
  annotation: "kind",
  image: "dev.cosignproject.cosign/image",
  index: "dev.cosignproject.cosign/imageIndex",
  sig: "dev.cosignproject.cosign/sigs",
  att: "dev.cosignproject.cosign/atts",
} as const;
