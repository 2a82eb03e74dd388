import { z } from "zod";
import type { Descriptor } from "./descriptor.ts";
import { isDigest } from "./digest.ts";
import type { DockerArchiveEntry, Index, Manifest } from "./documents.ts";
import type { ImageConfig } from "./image-config.ts";

/*
 * What is in documents, for documents.ts: a file of its own, because most builds read none and need not wait for schemas.
 */

// Of the schemas that recur there is one each: to make one costs more than to check a document by it.
const text = z.string();
const maybeText = text.exactOptional();
const maybeNumber = z.number().exactOptional();
const maybeInteger = z.int().exactOptional();
const maybeFlag = z.boolean().exactOptional();
const strings = z.array(text);
const maybeStrings = strings.exactOptional();
const maybeMap = z.record(text, text).exactOptional();
const maybeKeys = z.record(text, z.looseObject({})).exactOptional();

const platformSchema = z.looseObject({
  os: text,
  architecture: text,
  variant: maybeText,
  "os.version": maybeText,
  "os.features": maybeStrings,
});

// RFC 6838 §4.2, as the image-spec's JSON schema has it.
const mediaTypeSchema = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}\/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$/, "not a media type");
const maybeMediaType = mediaTypeSchema.exactOptional();

const digestSchema = z.custom<Descriptor["digest"]>(
  (value) => typeof value === "string" && isDigest(value),
  "not a sha256 or sha512 digest in lower-case hex",
);

export const descriptorSchema: z.ZodType<Descriptor> = z.looseObject({
  mediaType: mediaTypeSchema,
  digest: digestSchema,
  size: z.int().nonnegative(),
  platform: platformSchema.exactOptional(),
  artifactType: maybeMediaType,
  annotations: maybeMap,
  urls: z.array(z.string().regex(/^[A-Za-z][A-Za-z0-9+.-]*:\S*$/, "not a URL")).exactOptional(),
  data: maybeText,
});

const common = {
  schemaVersion: z.literal(2),
  mediaType: maybeMediaType,
  artifactType: maybeMediaType,
  subject: descriptorSchema.exactOptional(),
  annotations: maybeMap,
};

export const manifestSchema: z.ZodType<Manifest> = z.looseObject({
  ...common,
  config: descriptorSchema,
  layers: z.array(descriptorSchema).min(1, "no layers"),
});

export const indexSchema: z.ZodType<Index> = z.looseObject({ ...common, manifests: z.array(descriptorSchema) });

const containerSchema = z.looseObject({
  User: maybeText,
  ExposedPorts: maybeKeys,
  Env: maybeStrings,
  Entrypoint: maybeStrings,
  Cmd: maybeStrings,
  Volumes: maybeKeys,
  WorkingDir: maybeText,
  Labels: maybeMap,
  StopSignal: maybeText,
  ArgsEscaped: maybeFlag,
  Healthcheck: z
    .looseObject({
      Test: maybeStrings,
      Interval: maybeNumber,
      Timeout: maybeNumber,
      StartPeriod: maybeNumber,
      StartInterval: maybeNumber,
      Retries: maybeInteger,
    })
    .exactOptional(),
  OnBuild: maybeStrings,
  Shell: maybeStrings,
  StopTimeout: maybeInteger,
});

export const configSchema: z.ZodType<ImageConfig> = platformSchema.extend({
  created: maybeText,
  author: maybeText,
  config: containerSchema.exactOptional(),
  rootfs: z.looseObject({ type: z.literal("layers"), diff_ids: z.array(digestSchema) }),
  history: z
    .array(
      z.looseObject({
        created: maybeText,
        author: maybeText,
        created_by: maybeText,
        comment: maybeText,
        empty_layer: maybeFlag,
      }),
    )
    .exactOptional(),
});

interface LayoutMarker {
  readonly imageLayoutVersion: "1.0.0";
}
export const layoutSchema: z.ZodType<LayoutMarker> = z.looseObject({ imageLayoutVersion: z.literal("1.0.0") });

export const dockerArchiveSchema: z.ZodType<readonly DockerArchiveEntry[]> = z.array(
  z.looseObject({ Config: text, RepoTags: maybeStrings, Layers: strings }),
);

// A parser compiled for a schema takes longer to make than the few documents of a run to check.
export const plainly = { jitless: true } as const;

// The guards leave the parsed value as it is: zod's copy would lose keys like "__proto__" and the order.
export const isManifest = (value: unknown): value is Manifest => manifestSchema.safeParse(value, plainly).success;
export const isIndex = (value: unknown): value is Index => indexSchema.safeParse(value, plainly).success;
export const isConfig = (value: unknown): value is ImageConfig => configSchema.safeParse(value, plainly).success;
export const isDescriptor = (value: unknown): value is Descriptor => descriptorSchema.safeParse(value, plainly).success;
export const isLayoutMarker = (value: unknown): value is LayoutMarker => layoutSchema.safeParse(value, plainly).success;
export const isDockerArchive = (value: unknown): value is readonly DockerArchiveEntry[] =>
  dockerArchiveSchema.safeParse(value, plainly).success;
