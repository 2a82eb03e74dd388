import type { Descriptor, Options, Source } from "@lading/oci";
import { attestImage } from "../attest/attest-image.ts";
import { signaturePredicate } from "../attest/predicate-type.ts";
import { statementOf } from "../attest/statement.ts";
import type { Artifact } from "../attach/artifact.ts";
import { type SignedLayer, simpleSigningType, taggedArtifact } from "../attach/cosign-tag.ts";
import { writeSimpleSigning } from "../simple-signing.ts";
import type { ImageSigner, SignatureForm } from "./image-signer.ts";

export interface SignImageOptions extends Options {
  /** The names that are signed with the older form, as `ghcr.io/acme/app:1`; containers' policies look at them. Default: none. */
  readonly references?: readonly string[] | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  /** Default: both. */
  readonly forms?: readonly SignatureForm[] | undefined;
  /** Default: now. */
  readonly created?: Date | undefined;
}

/**
 * Signs an image or index. Returns what is to be attached to it; `place` is asked for signatures that
 * are there already, which stay. Throws TrustError.
 */
export async function signImage(
  signer: ImageSigner,
  subject: Descriptor,
  place: Source,
  options: SignImageOptions = {},
): Promise<readonly Artifact[]> {
  const { references = [], annotations = {}, forms = ["bundle", "tag"], created = new Date(), signal } = options;
  const { digest } = subject;
  const artifacts: Artifact[] = [];
  if (forms.includes("bundle")) {
    const statement = statementOf([subject], signaturePredicate, {});
    // Spread over it, so that the keys keep the order that cosign writes.
    const signed = { ...statement, subject: statement.subject.map(({ digest: of }) => ({ digest: of, annotations })) };
    artifacts.push(...(await attestImage(subject, [signed], place, { signer, forms: ["bundle"], created, signal })));
  }
  if (forms.includes("tag")) {
    const layers: SignedLayer[] = [];
    // A signature without a name has an empty one.
    for (const reference of references.length === 0 ? [""] : references) {
      const bytes = writeSimpleSigning({ reference, digest, annotations });
      layers.push({ mediaType: simpleSigningType, bytes, annotations: await signer.payload(bytes) });
    }
    artifacts.push(await taggedArtifact(subject, "sig", layers, place, { signal }));
  }
  return artifacts;
}
