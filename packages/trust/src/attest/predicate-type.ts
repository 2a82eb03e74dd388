/** The predicate type by which a statement is a signature and nothing more; cosign 3 made it up. */
export const signaturePredicate = "https://sigstore.dev/cosign/sign/v1";

// As `cosign attest --type` has them.
const predicates: Readonly<Record<string, string>> = {
  slsaprovenance: "https://slsa.dev/provenance/v0.2",
  slsaprovenance02: "https://slsa.dev/provenance/v0.2",
  slsaprovenance1: "https://slsa.dev/provenance/v1",
  cyclonedx: "https://cyclonedx.org/bom",
  spdx: "https://spdx.dev/Document",
  spdxjson: "https://spdx.dev/Document",
  link: "https://in-toto.io/Link/v1",
  vuln: "https://cosign.sigstore.dev/attestation/vuln/v1",
  openvex: "https://openvex.dev/ns",
  custom: "https://cosign.sigstore.dev/attestation/v1",
};

/** The predicate type that a word of cosign's, or a URI, stands for. Throws SyntaxError. */
export function parsePredicateType(text: string): string {
  if (Object.hasOwn(predicates, text)) return predicates[text] ?? text;
  if (/^[a-z][a-z0-9+.-]*:\S+$/i.test(text)) return text;
  throw new SyntaxError(
    `Cannot parse predicate type ${JSON.stringify(text)}: expected a URI, or one of ${Object.keys(predicates).join(", ")}`,
  );
}
