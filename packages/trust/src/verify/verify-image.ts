import type { Descriptor, Digest, Options, Source } from "@lading/oci";
import { TrustError } from "../errors.ts";
import { signaturePredicate } from "../attest/predicate-type.ts";
import type { Claim } from "./claim.ts";
import { findCandidates, type FoundCandidate } from "./find-candidates.ts";
import { Rejection, type RejectionReason } from "./rejection.ts";
import type { Trust } from "./trust.ts";
import { type Signatory, verifyCandidate } from "./verify-candidate.ts";

export interface VerifyImageOptions extends Options {
  /** Who may have signed. */
  readonly trust: Trust;
  /** Which attestations are asked for, as a URI. Default: signatures. */
  readonly predicateType?: string | undefined;
  /** What it must have been signed with. */
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  /** Looks further at what is genuine and about the image; throws Rejection for what does not count. */
  readonly accept?: ((claim: Claim) => void) | undefined;
}

/** A signature or attestation that counts. */
export interface VerifiedSignature {
  /** The bundle, or the signed payload. */
  readonly digest: Digest;
  /** "bundle" has a subject, "tag" is the older form. */
  readonly form: "bundle" | "tag";
  readonly signatory: Signatory;
  readonly claim: Claim;
}

/** Something that was found and does not count. */
export interface RejectedSignature {
  /** What was looked at: a bundle, a payload or a manifest. */
  readonly digest: Digest;
  readonly form: "bundle" | "tag";
  readonly reason: RejectionReason;
  /** Why, as the end of a sentence. */
  readonly detail: string;
}

export interface VerifiedImage {
  /** What was verified, and what is to be run. */
  readonly digest: Digest;
  /** At least one. */
  readonly signatures: readonly VerifiedSignature[];
  readonly rejected: readonly RejectedSignature[];
}

/** Nothing vouches for an image. */
export class NotVerifiedError extends TrustError {
  override readonly name: string = "NotVerifiedError";
  readonly digest: Digest;
  readonly rejected: readonly RejectedSignature[];

  constructor(digest: Digest, sought: string, rejected: readonly RejectedSignature[]) {
    const why =
      rejected.length === 0
        ? `no ${sought} was found`
        : rejected
            .map((each) => `${each.form === "tag" ? "payload" : "bundle"} ${each.digest}: ${each.detail}`)
            .join("; ");
    super("NOT_VERIFIED", `Cannot verify ${digest}: ${why}`);
    this.digest = digest;
    this.rejected = rejected;
  }
}

/**
 * Verifies that somebody who is trusted signed an image or index, or attested something of it. Both
 * forms are read, by subject and by tag. What is not asked for, or by somebody else, does no harm;
 * when nothing counts, that is a failure. Asks nobody but `source`. Throws NotVerifiedError.
 */
export async function verifyImage(
  source: Source,
  subject: Descriptor,
  options: VerifyImageOptions,
): Promise<VerifiedImage> {
  const { predicateType = signaturePredicate } = options;
  const signatures: VerifiedSignature[] = [];
  const rejected: RejectedSignature[] = [];
  for await (const found of findCandidates(source, subject, options)) {
    const { digest, form } = found;
    try {
      signatures.push({ digest, form, ...check(found, subject, options, predicateType) });
    } catch (error) {
      if (!(error instanceof Rejection)) throw error;
      rejected.push({ digest, form, reason: error.reason, detail: error.message });
    }
  }
  if (signatures.length > 0) return { digest: subject.digest, signatures, rejected };
  const sought = predicateType === signaturePredicate ? "signature" : `attestation of type ${predicateType}`;
  throw new NotVerifiedError(subject.digest, sought, rejected);
}

function check(
  { read }: FoundCandidate,
  subject: Descriptor,
  { trust, annotations = {}, accept }: VerifyImageOptions,
  predicateType: string,
): Pick<VerifiedSignature, "signatory" | "claim"> {
  const candidate = read();
  const { claim } = candidate;
  if (claim.predicateType !== predicateType)
    throw new Rejection(
      "TYPE",
      predicateType === signaturePredicate
        ? `it is an attestation of type ${claim.predicateType}, and no signature`
        : claim.predicateType === signaturePredicate
          ? "it is a signature, and no attestation"
          : `it is of type ${claim.predicateType}`,
    );
  const signatory = verifyCandidate(candidate, trust);
  if (!claim.isAbout(subject.digest)) throw new Rejection("SUBJECT", "what is signed is about other content");
  for (const [key, value] of Object.entries(annotations)) {
    const actual = Object.hasOwn(claim.annotations, key) ? claim.annotations[key] : undefined;
    if (actual !== value)
      throw new Rejection(
        "ANNOTATIONS",
        actual === undefined
          ? `it was not signed with ${key}`
          : `it was signed with ${key}=${typeof actual === "string" ? actual : JSON.stringify(actual)}`,
      );
  }
  accept?.(claim);
  return { signatory, claim };
}
