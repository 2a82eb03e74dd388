import { slsaIssues } from "./slsa-schema.ts";
import { spdxIssues } from "./spdx-schema.ts";

/**
 * What the schema of a predicate type has against a predicate: CycloneDX 1.6 by its own JSON schema, SPDX 2.3 and SLSA v1
 * by what their specifications ask for. Nothing for a valid one.
 */
export async function predicateIssues(predicateType: string, predicate: unknown): Promise<readonly string[]> {
  switch (predicateType) {
    case "https://cyclonedx.org/bom":
      return await cyclonedxIssues(predicate);
    case "https://spdx.dev/Document":
      return spdxIssues(predicate);
    case "https://slsa.dev/provenance/v1":
      return slsaIssues(predicate);
    default:
      return [`there is no schema of ${predicateType}`];
  }
}

// The library is large, and loaded only where there is something to validate.
async function cyclonedxIssues(document: unknown): Promise<readonly string[]> {
  const [{ Version }, { JsonStrictValidator }] = await Promise.all([
    import("@cyclonedx/cyclonedx-library/Spec"),
    import("@cyclonedx/cyclonedx-library/Validation"),
  ]);
  const error = await new JsonStrictValidator(Version.v1dot6).validate(JSON.stringify(document));
  return error === null ? [] : [JSON.stringify(error)];
}
