import * as z from "zod";

/*
 * What SPDX 2.3's JSON schema asks of the parts that are used here, and, beyond it, that what relationships and licences
 * name is in the document (SPDX specification 2.3, clauses 6, 7, 10 and 11).
 */

const id = z.string().regex(/^SPDXRef-[A-Za-z0-9.-]+$/);
const date = z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
const text = z.string().min(1);

const packageSchema = z.strictObject({
  SPDXID: id,
  name: text,
  versionInfo: text.optional(),
  supplier: z
    .string()
    .regex(/^(?:Organization|Person): \S/)
    .optional(),
  downloadLocation: z.union([z.literal(["NONE", "NOASSERTION"]), z.url()]),
  filesAnalyzed: z.literal(false),
  licenseConcluded: text.optional(),
  licenseDeclared: text.optional(),
  copyrightText: text.optional(),
  primaryPackagePurpose: z.enum(["APPLICATION", "CONTAINER", "LIBRARY", "OPERATING-SYSTEM"]),
  checksums: z
    .array(
      z.union([
        z.strictObject({ algorithm: z.literal("SHA256"), checksumValue: z.string().regex(/^[0-9a-f]{64}$/) }),
        z.strictObject({ algorithm: z.literal("SHA512"), checksumValue: z.string().regex(/^[0-9a-f]{128}$/) }),
      ]),
    )
    .min(1)
    .optional(),
  externalRefs: z
    .array(
      z.union([
        z.strictObject({
          referenceCategory: z.literal("PACKAGE-MANAGER"),
          referenceType: z.literal("purl"),
          referenceLocator: z.string().regex(/^pkg:[a-z]+\/\S+$/),
        }),
        z.strictObject({
          referenceCategory: z.literal("SECURITY"),
          referenceType: z.literal("cpe23Type"),
          referenceLocator: z.string().regex(/^cpe:2\.3:[aho](?::[^:]+){10}$/),
        }),
      ]),
    )
    .optional(),
  sourceInfo: text.optional(),
  description: text.optional(),
  comment: text.optional(),
});

const documentSchema = z.strictObject({
  spdxVersion: z.literal("SPDX-2.3"),
  dataLicense: z.literal("CC0-1.0"),
  SPDXID: z.literal("SPDXRef-DOCUMENT"),
  name: text,
  documentNamespace: z.url().regex(/^[^#]+$/),
  creationInfo: z.strictObject({
    created: date,
    creators: z.array(z.string().regex(/^Tool: \S+-\S+$/)).min(1),
  }),
  comment: text.optional(),
  packages: z.array(packageSchema),
  hasExtractedLicensingInfos: z
    .array(z.strictObject({ licenseId: z.string().regex(/^LicenseRef-[A-Za-z0-9.-]+$/), extractedText: text }))
    .optional(),
  relationships: z.array(
    z.strictObject({
      spdxElementId: id,
      relationshipType: z.enum(["CONTAINS", "DEPENDS_ON", "DESCENDANT_OF", "DESCRIBES"]),
      relatedSpdxElement: id,
    }),
  ),
});

/** What is wrong with an SPDX document; nothing for a valid one. */
export function spdxIssues(document: unknown): readonly string[] {
  const { success, data, error } = documentSchema.safeParse(document);
  if (!success) return error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
  const ids = data.packages.map(({ SPDXID }) => SPDXID);
  const known = new Set<string>(["SPDXRef-DOCUMENT", ...ids]);
  const licences = new Set(data.hasExtractedLicensingInfos?.map(({ licenseId }) => licenseId));
  return [
    ...(known.size === ids.length + 1 ? [] : ["two packages have the same SPDXID"]),
    ...data.relationships
      .flatMap(({ spdxElementId, relatedSpdxElement }) => [spdxElementId, relatedSpdxElement])
      .filter((one) => !known.has(one))
      .map((one) => `a relationship names ${one}, which is not there`),
    ...data.packages
      .flatMap(({ licenseDeclared = "" }) => licenseDeclared.match(/LicenseRef-[A-Za-z0-9.-]+/g) ?? [])
      .filter((one) => !licences.has(one))
      .map((one) => `a licence is ${one}, which is not there`),
  ];
}
