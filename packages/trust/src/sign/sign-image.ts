import {
  type Descriptor,
  digestAlgorithm,
  digestHex,
  firstOf,
  isManifestType,
  MemoryStore,
  type Options,
  parseManifest,
  readBlob,
  type Source,
} from "@lading/oci";
import { attachStatement } from "../attest/attach-statement.ts";
import { signaturePredicate } from "../attest/predicate-type.ts";
import { statementOf } from "../attest/statement.ts";
import { writeSimpleSigning } from "../simple-signing.ts";
import { TrustError } from "../errors.ts";
import { writeSignatureManifest } from "./artifacts.ts";
import type { ImageSigner } from "./image-signer.ts";

/** The forms that a signature is written in. */
export type SignatureForm = "bundle" | "tag";

/** What is to lie beside an image: everything under `descriptor`, to be copied out of `source`. */
export interface SignatureArtifact {
  readonly source: Source;
  readonly descriptor: Descriptor;
  /** What it is about. */
  readonly subject: Descriptor;
  /** The tag it has; undefined for what has a subject. */
  readonly tag?: string;
}

export interface SignImageOptions extends Options {
  /** The name that is signed with the older form, as `ghcr.io/acme/app:1`; containers' policies look at it. */
  readonly reference?: string | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  /** Default: both. */
  readonly forms?: readonly SignatureForm[] | undefined;
  /** Default: now. */
  readonly created?: Date | undefined;
}

/**
 * Signs an image or index. Returns what is to be copied to where `subject` is; `place` is asked for
 * signatures that are there already, which stay. Throws TrustError.
 */
export async function signImage(
  signer: ImageSigner,
  subject: Descriptor,
  place: Source,
  options: SignImageOptions = {},
): Promise<readonly SignatureArtifact[]> {
  const { reference = "", annotations = {}, forms = ["tag", "bundle"], created = new Date(), signal } = options;
  const { digest } = subject;
  const store = new MemoryStore();
  const artifacts: SignatureArtifact[] = [];
  if (forms.includes("bundle")) {
    const statement = statementOf([subject], signaturePredicate, {});
    // Spread over it, so that the keys keep the order that cosign writes.
    const signed = { ...statement, subject: statement.subject.map(({ digest: of }) => ({ digest: of, annotations })) };
    const sign = async (bytes: Uint8Array): Promise<Uint8Array> => await signer.bundle(bytes);
    artifacts.push({
      source: store,
      subject,
      descriptor: await attachStatement(store, subject, signed, { sign, created }),
    });
  }
  if (forms.includes("tag")) {
    const tag = signatureTag(subject);
    const payload = writeSimpleSigning({ reference, digest, annotations });
    const before = await layersAt(place, tag, { signal });
    const said = await signer.annotations(payload);
    const descriptor = await writeSignatureManifest(store, before, payload, said).catch((cause: unknown) => {
      throw new TrustError("SIGNING", `Cannot add a signature at ${tag}`, { cause });
    });
    artifacts.push({ source: firstOf(store, place), subject, descriptor, tag });
  }
  return artifacts;
}

/** The tag at which signatures of the older form are. */
export function signatureTag({ digest }: Descriptor): string {
  return `${digestAlgorithm(digest)}-${digestHex(digest)}.sig`;
}

async function layersAt(place: Source, tag: string, options: Options): Promise<readonly Descriptor[]> {
  const found = await place.resolve(tag, options).catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "NOT_FOUND") return undefined;
    throw error;
  });
  if (found === undefined || !isManifestType(found.mediaType)) return [];
  return parseManifest(await readBlob(place.blob(found), options), found.mediaType, `manifest at ${tag}`).layers;
}
