import { type Descriptor, digestAlgorithm, digestHex, jsonBytes, type Options, type Source } from "@lading/oci";
import type { Artifact } from "../attach/artifact.ts";
import { envelopeType, layerAnnotations, type SignedLayer, taggedArtifact } from "../attach/cosign-tag.ts";
import { referrerArtifact } from "../attach/referrer.ts";
import type { ImageSigner, SignatureForm } from "../sign/image-signer.ts";
import { type Statement, statementType } from "./statement.ts";

export interface AttestOptions extends Options {
  /** Default: nobody vouches for the statements, and they are attached as they are. */
  readonly signer?: ImageSigner | undefined;
  /** Of what is signed. Default: both. */
  readonly forms?: readonly SignatureForm[] | undefined;
  /** For `org.opencontainers.image.created`; left out when not given, so that the same statement is the same manifest. */
  readonly created?: Date | undefined;
}

const bundleType = "application/vnd.dev.sigstore.bundle.v0.3+json";

/**
 * Makes attestations of statements, of each of which `subject`, a manifest or index, is one subject. Returns what is to
 * be attached to it; `place` is asked for attestations that are there already, which stay. Throws TrustError, and TypeError for
 * a statement about something else.
 */
export async function attestImage(
  subject: Descriptor,
  statements: readonly Statement[],
  place: Source,
  { signer, forms = ["bundle", "tag"], created, signal }: AttestOptions = {},
): Promise<readonly Artifact[]> {
  const algorithm = digestAlgorithm(subject.digest);
  if (!statements.every((one) => one.subject.some((about) => about.digest[algorithm] === digestHex(subject.digest))))
    throw new TypeError(`Cannot attest anything of ${subject.digest}: a statement is about something else`);
  const time: Readonly<Record<string, string>> =
    created === undefined
      ? {}
      : { "org.opencontainers.image.created": created.toISOString().replace(/\.\d{3}Z$/, "Z") };
  const artifacts: Artifact[] = [];
  const layers: SignedLayer[] = [];
  for (const statement of statements) {
    const { predicateType } = statement;
    const bytes = jsonBytes(statement);
    if (signer === undefined) {
      // The word of BuildKit, for both.
      const told = { "in-toto.io/predicate-type": predicateType };
      const annotations = { ...told, ...time };
      artifacts.push(
        await referrerArtifact(subject, { bytes, artifactType: statementType, layerAnnotations: told, annotations }),
      );
      continue;
    }
    const { bundle, envelope, annotations } = await signer.statement(bytes);
    layers.push({
      mediaType: envelopeType,
      bytes: envelope,
      annotations: { ...annotations, [layerAnnotations.predicateType]: predicateType },
    });
    if (forms.includes("bundle")) {
      const told = {
        "dev.sigstore.bundle.content": "dsse-envelope",
        "dev.sigstore.bundle.predicateType": predicateType,
      };
      artifacts.push(
        await referrerArtifact(subject, { bytes: bundle, artifactType: bundleType, annotations: { ...told, ...time } }),
      );
    }
  }
  if (layers.length > 0 && forms.includes("tag"))
    artifacts.push(await taggedArtifact(subject, "att", layers, place, { signal }));
  return artifacts;
}
