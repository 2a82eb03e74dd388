import type { Image, Options } from "@lading/oci";
import type { Tool } from "./cyclonedx.ts";
import { type Inventory, takeInventory } from "./inventory.ts";
import { subjectOf, type SubjectOptions } from "./subject.ts";

/** The formats of an SBOM. */
export type SbomFormat = "cyclonedx" | "spdx";

export interface SbomOptions extends Options, SubjectOptions {
  /** Default: "cyclonedx". */
  readonly format?: SbomFormat | undefined;
  readonly tool: Tool;
}

/** What an image holds, as a document. */
export interface Sbom {
  readonly format: SbomFormat;
  /** Ready for JSON.stringify. */
  readonly document: Readonly<Record<string, unknown>>;
  /** What in-toto calls such a document (facts of an attestation). */
  readonly predicateType: string;
  readonly inventory: Inventory;
}

const predicateTypes: Readonly<Record<SbomFormat, string>> = {
  cyclonedx: "https://cyclonedx.org/bom",
  spdx: "https://spdx.dev/Document",
};

/** The SBOM of an image: what is really in its layers. Throws as `takeInventory`. */
export async function makeSbom(image: Image, options: SbomOptions): Promise<Sbom> {
  const { format = "cyclonedx", tool, signal } = options;
  const inventory = await takeInventory(image, { signal });
  const subject = subjectOf(image, options);
  const write = format === "spdx" ? (await import("./spdx.ts")).spdx : (await import("./cyclonedx.ts")).cyclonedx;
  return {
    format,
    document: write(subject, inventory, tool),
    predicateType: predicateTypes[format],
    inventory,
  };
}
