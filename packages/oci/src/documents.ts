import type { z } from "zod";
import { type Descriptor, isIndexType, isManifestType, mediaTypes } from "./descriptor.ts";
import {
  configSchema,
  descriptorSchema,
  dockerArchiveSchema,
  indexSchema,
  isConfig,
  isDescriptor,
  isDockerArchive,
  isIndex,
  isLayoutMarker,
  isManifest,
  layoutSchema,
  manifestSchema,
  plainly,
} from "./document-schemas.ts";
import { OciError } from "./errors.ts";
import type { ImageConfig } from "./image-config.ts";
import { type JsonLimits, parseJson } from "./json.ts";

/** An OCI image manifest or Docker schema 2 manifest (image-spec manifest.md). Unknown fields are kept. */
export interface Manifest {
  readonly schemaVersion: 2;
  readonly mediaType?: string;
  readonly artifactType?: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly subject?: Descriptor;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** An OCI image index or Docker manifest list (image-spec image-index.md). Unknown fields are kept. */
export interface Index {
  readonly schemaVersion: 2;
  readonly mediaType?: string;
  readonly artifactType?: string;
  readonly manifests: readonly Descriptor[];
  readonly subject?: Descriptor;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** One image of a docker-archive's manifest.json; paths are of the archive. */
export interface DockerArchiveEntry {
  readonly Config: string;
  readonly RepoTags?: readonly string[];
  readonly Layers: readonly string[];
}

/**
 * Parses a manifest. `mediaType` is what the descriptor said: a document that says otherwise, or
 * that could be read as an index as well, is refused (CVE-2021-41190). Throws OciError.
 */
export function parseManifest(bytes: Uint8Array, mediaType?: string, what = "manifest"): Manifest {
  const value = readDocument(bytes, { what });
  if (isObject(value)) [value["config"], value["subject"]].forEach(dropDescriptorNulls);
  if (isObject(value) && Array.isArray(value["layers"])) value["layers"].forEach(dropDescriptorNulls);
  refuseAmbiguity(value, mediaType, ["manifests", "fsLayers"], what);
  return check(manifestSchema, value, what, isManifest);
}

/** Parses an index; see `parseManifest`. */
export function parseIndex(bytes: Uint8Array, mediaType?: string, what = "index"): Index {
  const value = readDocument(bytes, { what });
  if (isObject(value)) dropDescriptorNulls(value["subject"]);
  if (isObject(value) && Array.isArray(value["manifests"])) value["manifests"].forEach(dropDescriptorNulls);
  refuseAmbiguity(value, mediaType, ["config", "layers", "fsLayers"], what);
  return check(indexSchema, value, what, isIndex);
}

/** Parses an image config, OCI or Docker. Known fields that are null (Go writes them) are left out. */
export function parseConfig(bytes: Uint8Array, what = "image config"): ImageConfig {
  const value = readDocument(bytes, { what });
  if (isObject(value)) dropNulls(value["config"]);
  if (isObject(value) && isObject(value["config"])) dropNulls(value["config"]["Healthcheck"]);
  if (isObject(value) && Array.isArray(value["history"])) for (const entry of value["history"]) dropNulls(entry);
  return check(configSchema, value, what, isConfig);
}

/** Parses the `oci-layout` file (image-spec image-layout.md); nothing but version 1.0.0 is known. */
export function parseLayoutMarker(bytes: Uint8Array, what = "oci-layout"): void {
  // As everybody writes it; schemas take a while to be made.
  if (Buffer.compare(bytes, usualLayoutMarker) === 0) return;
  check(layoutSchema, readDocument(bytes, { what }), what, isLayoutMarker);
}

/** What we write into an `oci-layout` file. */
export const usualLayoutMarker: Uint8Array = Buffer.from('{"imageLayoutVersion":"1.0.0"}');

/** Parses a docker-archive's manifest.json. */
export function parseDockerArchive(bytes: Uint8Array, what = "manifest.json"): readonly DockerArchiveEntry[] {
  const value = parseJson(bytes, { what });
  if (Array.isArray(value)) for (const entry of value) dropNulls(entry);
  return check(dockerArchiveSchema, value, what, isDockerArchive);
}

/** Checks that a value is a descriptor. */
export function parseDescriptor(value: unknown, what = "descriptor"): Descriptor {
  return check(descriptorSchema, value, what, isDescriptor);
}

/**
 * The media type of a document found by digest alone: the one it states, or the one its shape
 * tells; undefined when it is neither manifest nor index.
 */
export function detectMediaType(bytes: Uint8Array): string | undefined {
  let value: unknown;
  try {
    value = parseJson(bytes);
  } catch {
    return undefined;
  }
  if (!isObject(value) || value["schemaVersion"] !== 2) return undefined;
  const stated = value["mediaType"];
  if (typeof stated === "string") return stated;
  if (Array.isArray(value["manifests"])) return mediaTypes.ociIndex;
  return isObject(value["config"]) ? mediaTypes.ociManifest : undefined;
}

function check<T>(schema: z.ZodType<T>, value: unknown, what: string, guard: (value: unknown) => value is T): T {
  if (guard(value)) return value;
  const issue = schema.safeParse(value, plainly).error?.issues[0];
  const path = issue?.path ?? [];
  const found = path.reduce<unknown>(
    (at, key) => (isObject(at) || Array.isArray(at) ? Reflect.get(at, key) : undefined),
    value,
  );
  // A digest of an algorithm that we do not have is well formed (image-spec descriptor.md §Registered Algorithms).
  const foreign = typeof found === "string" && path.at(-1) === "digest" && isForeignDigest(found);
  const where = path.map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`)).join("");
  const shown = typeof found === "string" ? ` ${JSON.stringify(found.slice(0, 200))}` : "";
  throw new OciError(
    foreign ? "UNSUPPORTED" : "INVALID_DOCUMENT",
    `Cannot read ${what}: ${where.replace(/^\./, "")}${shown}${where === "" ? "" : ": "}${issue?.message ?? "not valid"}`,
  );
}

function isForeignDigest(text: string): boolean {
  const match = /^([a-z0-9]+(?:[+._-][a-z0-9]+)*):[a-zA-Z0-9=_-]+$/.exec(text);
  return match !== null && match[1] !== "sha256" && match[1] !== "sha512";
}

function refuseAmbiguity(value: unknown, mediaType: string | undefined, others: string[], what: string): void {
  if (!isObject(value)) return;
  if (value["schemaVersion"] === 1)
    throw new OciError("UNSUPPORTED", `Cannot read ${what}: Docker schema 1 is no longer supported`, {
      hint: "Push the image again with a current tool: every registry converts it",
    });
  const other = others.find((key) => Object.hasOwn(value, key));
  if (other !== undefined)
    throw new OciError(
      "INVALID_DOCUMENT",
      `Cannot read ${what}: it also has "${other}", so it could be read in two ways`,
    );
  const stated = value["mediaType"];
  if (
    mediaType !== undefined &&
    stated !== undefined &&
    stated !== mediaType &&
    (isIndexType(mediaType) || isManifestType(mediaType))
  )
    throw new OciError(
      "INVALID_DOCUMENT",
      `Cannot read ${what}: it says it is ${JSON.stringify(stated)}, its descriptor says "${mediaType}"`,
    );
}

function readDocument(bytes: Uint8Array, limits: JsonLimits): unknown {
  const value = parseJson(bytes, limits);
  dropNulls(value);
  return value;
}

// Go writes an empty slice or map as null; unknown fields keep theirs.
const nullable = new Set(
  (
    "annotations artifactType data platform subject urls variant os.version history config created author os.features " +
    "ExposedPorts Env Entrypoint Cmd Volumes Labels Healthcheck OnBuild Shell StopTimeout " +
    "Test RepoTags created_by comment"
  ).split(" "),
);

function dropNulls(value: unknown): void {
  if (!isObject(value)) return;
  for (const key of Object.keys(value)) if (value[key] === null && nullable.has(key)) delete value[key];
}

function dropDescriptorNulls(value: unknown): void {
  dropNulls(value);
  if (isObject(value)) dropNulls(value["platform"]);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
