import type { FoundAttestation } from "@lading/trust";
import { formatCount } from "../progress/quantity.ts";
import { printable, type Style, table } from "../progress/terminal.ts";

/** A person's view of what is said of an image; nothing, where nothing is. */
export function attestationLines(attestations: readonly FoundAttestation[], style: Style): readonly string[] {
  if (attestations.length === 0) return [];
  const rows = table(
    attestations.map(({ predicateType = "unknown", maker = "", signed, attached, problem = "" }) => [
      `  ${printable(predicateType)}`,
      printable(maker),
      style.dim(`${signed ? "signed" : "unsigned"}${places[attached]}`),
      style.red(printable(problem)),
    ]),
  );
  const told = style.dim("as they say of themselves; `lading verify --attestation` checks signatures");
  return ["", `${style.bold(formatCount(attestations.length, "attestation"))} ${told}`, ...rows];
}

const places = { subject: "", index: ", in the index", tag: ", at a tag" } as const;
