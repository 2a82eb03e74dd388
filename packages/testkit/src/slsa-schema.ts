import * as z from "zod";

/*
 * What SLSA's provenance v1 asks for (https://slsa.dev/spec/v1.0/provenance, fields marked as required, and their types),
 * and nothing that it does not know.
 */

const uri = z.string().regex(/^[a-z][a-z0-9+.-]*:\S+$/i);
const digest = z.record(z.string(), z.string().regex(/^[0-9a-f]+$/));
const time = z.iso.datetime();

/** in-toto's ResourceDescriptor, of which one of three says what it is. */
const resource = z
  .strictObject({
    uri: uri.optional(),
    digest: digest.optional(),
    content: z.base64().optional(),
    name: z.string().optional(),
    downloadLocation: uri.optional(),
    mediaType: z.string().optional(),
    annotations: z.record(z.string(), z.unknown()).optional(),
  })
  .refine((one) => one.uri !== undefined || one.digest !== undefined || one.content !== undefined);

const schema = z.strictObject({
  buildDefinition: z.strictObject({
    buildType: uri,
    externalParameters: z.record(z.string(), z.unknown()),
    internalParameters: z.record(z.string(), z.unknown()).optional(),
    resolvedDependencies: z.array(resource).optional(),
  }),
  runDetails: z.strictObject({
    builder: z.strictObject({
      id: uri,
      version: z.record(z.string(), z.string()).optional(),
      builderDependencies: z.array(resource).optional(),
    }),
    metadata: z
      .strictObject({ invocationId: z.string().optional(), startedOn: time.optional(), finishedOn: time.optional() })
      .optional(),
    byproducts: z.array(resource).optional(),
  }),
});

/** What is wrong with a provenance; nothing for a valid one. */
export function slsaIssues(predicate: unknown): readonly string[] {
  return schema.safeParse(predicate).error?.issues.map(({ path, message }) => `${path.join(".")}: ${message}`) ?? [];
}
