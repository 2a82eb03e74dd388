import type { Signatory } from "@lading/trust";

/** Who signed, as people are told: the file of the key, or an identity and who gave it. */
export function signatoryName(signatory: Signatory): string {
  if ("subject" in signatory)
    return `${signatory.subject}${signatory.issuer === undefined ? "" : ` (${signatory.issuer})`}`;
  const { key } = signatory;
  return "file" in key && typeof key.file === "string" ? key.file : `the key ${key.hint}`;
}
