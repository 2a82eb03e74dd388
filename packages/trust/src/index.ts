export { TrustError, type TrustErrorCode, type TrustErrorOptions } from "./errors.ts";
export { type PublicKey, readPublicKeys } from "./keys/public-key.ts";
export {
  generateSigningKey,
  type ReadKeyOptions,
  readSigningKey,
  sealSigningKey,
  type SigningKey,
} from "./keys/signing-key.ts";
export type { UnreadFile } from "./sbom/catalog.ts";
export { comparePackages, type PackageChange } from "./sbom/compare-packages.ts";
export type { Tool } from "./sbom/cyclonedx.ts";
export { type Inventory, takeInventory } from "./sbom/inventory.ts";
export type { OperatingSystem } from "./sbom/os-release.ts";
export type { Carried, Package, PackageType } from "./sbom/package.ts";
export { makeSbom, type Sbom, type SbomFormat, type SbomOptions } from "./sbom/sbom.ts";
export type { SubjectOptions } from "./sbom/subject.ts";
export { type BuildFacts, type BuildMaterial, provenanceOf, provenanceType } from "./attest/provenance.ts";
export { attestImage, type AttestOptions } from "./attest/attest-image.ts";
export { type FoundAttestation, readAttestations } from "./attest/read-attestations.ts";
export { type Artifact, attach } from "./attach/artifact.ts";
export { type Statement, statementOf } from "./attest/statement.ts";
export { parsePredicateType, signaturePredicate } from "./attest/predicate-type.ts";
export type { ImageSigner, SignatureForm, SignedStatement } from "./sign/image-signer.ts";
export { readSigningConfig, type SigningConfigOptions } from "./sign/signing-config.ts";
export {
  type KeylessOptions,
  keylessSigner,
  keySigner,
  publicGood,
  type SigningServices,
  type Witnesses,
} from "./sign/authorities.ts";
export { signImage, type SignImageOptions } from "./sign/sign-image.ts";
export { readTrustedRoot, type TrustedRoot } from "./verify/trusted-root.ts";
export type { Identity, Trust, TrustedIdentities, TrustedKeys } from "./verify/trust.ts";
export type { Claim } from "./verify/claim.ts";
export { Rejection, type RejectionReason } from "./verify/rejection.ts";
export type { Signatory } from "./verify/verify-candidate.ts";
export {
  NotVerifiedError,
  type RejectedSignature,
  type VerifiedImage,
  type VerifiedSignature,
  verifyImage,
  type VerifyImageOptions,
} from "./verify/verify-image.ts";
export { admit, type Policy, type PolicyImage, type PolicyPlace, type Requirement } from "./policy/policy.ts";
export { readPolicy } from "./policy/read-policy.ts";
export type { PolicyTransport } from "./policy/scopes.ts";
