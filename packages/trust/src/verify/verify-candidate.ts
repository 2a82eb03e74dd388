import { type KeyObject, verify } from "node:crypto";
import { dsse, EXTENSION_OID_SCT, type X509Certificate } from "@sigstore/core";
import { PolicyError, toSignedEntity, type TrustMaterial, VerificationError, Verifier } from "@sigstore/verify";
import type { PublicKey } from "../keys/public-key.ts";
import type { Candidate } from "./candidate.ts";
import { Rejection } from "./rejection.ts";
import type { Identity, Trust } from "./trust.ts";

/** Who signed: one of the keys that were given, or the identity that a certificate is for. */
export type Signatory = { readonly key: PublicKey } | { readonly subject: string; readonly issuer: string | undefined };

/** Checks the signature of a candidate, and all that vouches for it. Asks nobody. Throws Rejection. */
export function verifyCandidate(candidate: Candidate, trust: Trust): Signatory {
  try {
    return "keys" in trust ? byKeys(candidate, trust) : byIdentity(candidate, trust);
  } catch (error) {
    throw error instanceof Rejection ? error : rejectionOf(error);
  }
}

function byKeys(
  candidate: Candidate,
  { keys, trustedRoot, ignoreLog = false }: Extract<Trust, { keys: unknown }>,
): Signatory {
  const signed = signedEntity(candidate);
  // Without a root there is nothing that log entries and timestamps could be held against.
  const entity = trustedRoot === undefined ? { ...signed, tlogEntries: [], timestamps: [] } : signed;
  // A certificate in place of a key says who signed; the keys that were given say whether that counts.
  const byKey = { ...entity, key: { $case: "public-key" as const, hint: "" } };
  const key = keys.find(({ key: each }) => signed.signature.verifySignature(each));
  if (key === undefined)
    throw new Rejection(
      "SIGNATURE",
      keys.length === 1 ? "it is not signed with this key" : "it is signed with none of these keys",
    );
  const material = trustedRoot?.material ?? nothing;
  const thresholds = {
    tlogThreshold: trustedRoot === undefined || ignoreLog ? 0 : 1,
    ctlogThreshold: 0,
    timestampThreshold: 0,
  };
  const found = { publicKey: key.key, validFor: (): boolean => true };
  new Verifier({ ...material, publicKey: () => found }, thresholds).verify(byKey);
  return { key };
}

const nothing: TrustMaterial = {
  certificateAuthorities: [],
  timestampAuthorities: [],
  tlogs: [],
  ctlogs: [],
  publicKey: () => {
    throw new Rejection("SIGNATURE", "it is signed with a key, and none was given");
  },
};

function byIdentity(
  candidate: Candidate,
  { identities, trustedRoot, ignoreLog = false, ignoreSct = false }: Extract<Trust, { identities: unknown }>,
): Signatory {
  if (candidate.bundle.verificationMaterial.content.$case === "publicKey")
    throw new Rejection("SIGNATURE", "it is signed with a key, and not by an identity");
  const verifier = new Verifier(
    { ...trustedRoot.material, publicKey: nothing.publicKey },
    { tlogThreshold: ignoreLog ? 0 : 1, ctlogThreshold: ignoreSct ? 0 : 1, timestampThreshold: 1 },
  );
  const entity = signedEntity(candidate);
  if (ignoreSct && entity.key.$case === "certificate") hideScts(entity.key.certificate);
  const { identity } = verifier.verify(entity);
  const subject = identity?.subjectAlternativeName;
  const issuer = identity?.extensions?.issuer;
  if (subject === undefined) throw new Rejection("CERTIFICATE", "its certificate names nobody");
  if (!identities.some((expected) => fits(expected, subject, issuer)))
    throw new Rejection("IDENTITY", `it was signed by ${subject}${issuer === undefined ? "" : `, as ${issuer} says`}`);
  return { subject, issuer };
}

// What a log of certificates vouches for is checked, and must be right, where it is there: also when none has to be. The library looks
// at a clone.
function hideScts(certificate: X509Certificate): void {
  const clone = certificate.clone();
  const at = clone.extensions.findIndex(({ subs: [oid] }) => oid?.toOID() === EXTENSION_OID_SCT);
  if (at >= 0) clone.extensions.splice(at, 1);
  certificate.clone = () => clone;
}

function fits({ subject, issuer }: Identity, actual: string, actualIssuer: string | undefined): boolean {
  return same(subject, actual) && same(issuer, actualIssuer ?? "");
}

// A pattern has to fit all of it: a part of a URL may be anybody's.
function same(expected: string | RegExp, actual: string): boolean {
  if (typeof expected === "string") return expected === actual;
  return new RegExp(`^(?:${expected.source})$`, expected.flags.replace(/[gy]/g, "")).test(actual);
}

function signedEntity({ bundle, payload }: Candidate): ReturnType<typeof toSignedEntity> {
  const entity = toSignedEntity(bundle, payload);
  const { signature } = entity;
  const { content } = bundle;
  const data =
    content.$case === "dsseEnvelope"
      ? dsse.preAuthEncoding(content.dsseEnvelope.payloadType, content.dsseEnvelope.payload)
      : (payload ?? Buffer.alloc(0));
  // The library's own takes whatever hash OpenSSL has for a key, which is SHA-256 on all curves.
  const verifySignature = (key: KeyObject): boolean =>
    hashesOf(key).some((hash) => verify(hash, data, key, signature.signature));
  return {
    ...entity,
    signature: {
      signature: signature.signature,
      compareSignature: (other) => signature.compareSignature(other),
      compareDigest: (digest) => signature.compareDigest(digest),
      compareSignedDigest: (digest) => signature.compareSignedDigest(digest),
      verifySignature,
    },
  };
}

// cosign hashes by the size of the curve; others take SHA-256 for all.
function hashesOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): readonly (string | null)[] {
  if (asymmetricKeyType === "ed25519") return [null];
  const curve = asymmetricKeyDetails?.namedCurve;
  if (curve === "secp384r1") return ["sha384", "sha256"];
  return curve === "secp521r1" ? ["sha512", "sha256"] : ["sha256"];
}

function rejectionOf(error: unknown): Rejection {
  const said = error instanceof Error ? error.message : String(error);
  const known = error instanceof VerificationError || error instanceof PolicyError;
  const code = known ? error.code : "";
  const reason = code.startsWith("TLOG")
    ? "LOG"
    : code === "TIMESTAMP_ERROR"
      ? "TIMESTAMP"
      : code === "CERTIFICATE_ERROR"
        ? "CERTIFICATE"
        : code === "SIGNATURE_ERROR" || code === "PUBLIC_KEY_ERROR"
          ? "SIGNATURE"
          : code === "UNTRUSTED_SIGNER_ERROR"
            ? "IDENTITY"
            : "MALFORMED";
  const detail = reason === "MALFORMED" ? `it cannot be checked: ${said}` : said;
  return new Rejection(reason, detail, { cause: error });
}
