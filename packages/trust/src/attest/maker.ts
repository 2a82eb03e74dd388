import { z } from "zod";

/**
 * Who made what a predicate says, by its own word: the builder of a provenance (SLSA v1, or v0.2 and earlier), or, where
 * it leaves that empty as BuildKit does, the kind of build; the tool of an SBOM (CycloneDX, SPDX). Undefined for others.
 */
export function makerOf(predicate: unknown): string | undefined {
  const { success, data } = schema.safeParse(predicate);
  if (!success) return undefined;
  const { runDetails, buildDefinition, builder, buildType, metadata, creationInfo } = data;
  const [tool] = Array.isArray(metadata?.tools) ? metadata.tools : (metadata?.tools?.components ?? []);
  const creators = creationInfo?.creators?.flatMap((one) => /^Tool: *(.*)$/.exec(one)?.[1] ?? []) ?? [];
  const candidates = [
    runDetails?.builder?.id,
    builder?.id,
    buildDefinition?.buildType,
    buildType,
    [tool?.name, tool?.version].filter((part) => part !== undefined).join(" "),
    creators.join(", "),
  ];
  return candidates.find((one) => one !== undefined && one !== "");
}

const text = z.string().optional().catch(undefined);
const builderSchema = z.object({ id: text }).optional().catch(undefined);
const toolsSchema = z.array(z.object({ name: text, version: text }));

const schema = z.object({
  runDetails: z.object({ builder: builderSchema }).optional().catch(undefined),
  buildDefinition: z.object({ buildType: text }).optional().catch(undefined),
  builder: builderSchema,
  buildType: text,
  metadata: z
    .object({
      // CycloneDX up to 1.4, and from 1.5 on.
      tools: z
        .union([toolsSchema, z.object({ components: toolsSchema.optional() })])
        .optional()
        .catch(undefined),
    })
    .optional()
    .catch(undefined),
  creationInfo: z
    .object({ creators: z.array(z.string()).optional().catch(undefined) })
    .optional()
    .catch(undefined),
});
