import { createHash } from "node:crypto";
import { type Descriptor, parseJson } from "@lading/oci";
import { type Bundle, BUNDLE_V02_MEDIA_TYPE, bundleFromJSON, envelopeFromJSON } from "@sigstore/bundle";
import { HashAlgorithm } from "@sigstore/protobuf-specs";
import { z } from "zod";
import { parsePem } from "../keys/pem.ts";
import { layerAnnotations } from "../attach/cosign-tag.ts";
import { parseSimpleSigning } from "../simple-signing.ts";
import { isAbout, parseStatement } from "../attest/parse-statement.ts";
import { signaturePredicate } from "../attest/predicate-type.ts";
import { statementType } from "../attest/statement.ts";
import type { Claim } from "./claim.ts";

/** Something that may be a signature: what it claims, and how that can be checked. Nothing of it is checked yet. */
export interface Candidate {
  readonly claim: Claim;
  readonly bundle: Bundle;
  /** What was signed, where the bundle does not hold it itself. */
  readonly payload?: Buffer;
}

/** The bytes that a document of a signature may have: attestations hold whole SBOMs. */
export const candidateLimit: number = 64 * 1024 * 1024;

/** Reads a sigstore bundle with a DSSE envelope. Throws whatever the libraries do: see `verifyCandidate`. */
export function bundleCandidate(bytes: Uint8Array): Candidate {
  return dsse(bundleFromJSON(parseJson(bytes, { what: "bundle", limit: candidateLimit })));
}

/** Reads a layer of an `.att` tag: an envelope, with what vouches for it in annotations. */
export function envelopeCandidate(layer: Descriptor, bytes: Uint8Array): Candidate {
  const dsseEnvelope = envelopeFromJSON(parseJson(bytes, { what: "envelope", limit: candidateLimit }));
  return dsse(bundleOf(layer, { $case: "dsseEnvelope", dsseEnvelope }));
}

/** Reads a layer of a `.sig` tag: a signed payload, with its signature in annotations. */
export function payloadCandidate(layer: Descriptor, payload: Uint8Array): Candidate {
  const signature = layer.annotations?.[layerAnnotations.signature] ?? "";
  if (signature === "") throw new SyntaxError("Cannot read the signed payload: it has no signature");
  const { digest, reference, annotations } = parseSimpleSigning(payload);
  const messageDigest = { algorithm: HashAlgorithm.SHA2_256, digest: createHash("sha256").update(payload).digest() };
  return {
    claim: {
      predicateType: signaturePredicate,
      predicate: {},
      annotations,
      reference,
      isAbout: (about) => about === digest,
    },
    bundle: bundleOf(layer, {
      $case: "messageSignature",
      messageSignature: { messageDigest, signature: Buffer.from(signature, "base64") },
    }),
    payload: Buffer.from(payload),
  };
}

function dsse(bundle: Bundle): Candidate {
  const { content } = bundle;
  if (content.$case !== "dsseEnvelope") throw new SyntaxError("Cannot read the bundle: it signs no statement");
  const { payload, payloadType, signatures } = content.dsseEnvelope;
  if (payloadType !== statementType)
    throw new SyntaxError(`Cannot read the envelope: it holds ${JSON.stringify(payloadType)} and no statement`);
  // The library checks the first one; with several it would be open which of them counts.
  if (signatures.length !== 1)
    throw new SyntaxError(`Cannot read the envelope: it has ${signatures.length} signatures`);
  const statement = parseStatement(payload, candidateLimit);
  const annotations = Object.fromEntries(
    statement.subject.flatMap(({ annotations: own }) => Object.entries(own ?? {})),
  );
  return {
    claim: {
      predicateType: statement.predicateType,
      predicate: statement.predicate,
      annotations,
      isAbout: (digest) => isAbout(statement, digest),
    },
    bundle,
  };
}

// The older form as a bundle: what vouches for both is the same, only written differently.
function bundleOf({ annotations = {} }: Descriptor, content: Bundle["content"]): Bundle {
  const certificate = annotations[layerAnnotations.certificate] ?? "";
  const entry = annotations[layerAnnotations.logEntry] ?? "";
  const timestamp = annotations[layerAnnotations.timestamp] ?? "";
  return {
    mediaType: BUNDLE_V02_MEDIA_TYPE,
    content,
    verificationMaterial: {
      content:
        certificate === ""
          ? { $case: "publicKey", publicKey: { hint: "" } }
          : {
              $case: "x509CertificateChain",
              x509CertificateChain: {
                certificates: parsePem(certificate, "the certificate").map(({ body }) => ({
                  rawBytes: Buffer.from(body),
                })),
              },
            },
      tlogEntries: entry === "" ? [] : [logEntry(entry)],
      timestampVerificationData:
        timestamp === ""
          ? undefined
          : {
              rfc3161Timestamps: [
                { signedTimestamp: bytes(timestampSchema.parse(parseJson(timestamp)).SignedRFC3161Timestamp) },
              ],
            },
    },
  };
}

function logEntry(text: string): Bundle["verificationMaterial"]["tlogEntries"][number] {
  const { SignedEntryTimestamp, Payload } = logEntrySchema.parse(parseJson(text));
  const canonicalizedBody = bytes(Payload.body);
  const { kind, apiVersion } = kindSchema.parse(parseJson(canonicalizedBody));
  return {
    logIndex: String(Payload.logIndex),
    logId: { keyId: Buffer.from(Payload.logID, "hex") },
    kindVersion: { kind, version: apiVersion },
    integratedTime: String(Payload.integratedTime),
    inclusionPromise: { signedEntryTimestamp: bytes(SignedEntryTimestamp) },
    inclusionProof: undefined,
    canonicalizedBody,
  };
}

const timestampSchema = z.looseObject({ SignedRFC3161Timestamp: z.string() });
const kindSchema = z.looseObject({ kind: z.string(), apiVersion: z.string() });
const logEntrySchema = z.looseObject({
  SignedEntryTimestamp: z.string(),
  Payload: z.looseObject({
    body: z.string(),
    integratedTime: z.int(),
    logIndex: z.int(),
    logID: z.string().regex(/^[0-9a-f]{64}$/),
  }),
});

function bytes(base64: string): Buffer {
  return Buffer.from(base64, "base64");
}
