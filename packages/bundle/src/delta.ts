import { type Digest, isDigest, OciError } from "@lading/oci";
import type { BundleContents } from "./contents.ts";

/** What a delta says of the bundle that it builds on. */
export interface Delta {
  /** Of the other bundle's index.json. */
  readonly since: Digest;
  /** Repositories of the other bundle: where a registry that loaded it has its blobs. */
  readonly repositories: readonly string[];
}

const sinceAnnotation = "dev.lading.bundle.since";
const repositoriesAnnotation = "dev.lading.bundle.since.repositories";

/** Annotations of a delta's index.json. */
export function deltaAnnotations({ digest, repositories }: BundleContents): Readonly<Record<string, string>> {
  return { [sinceAnnotation]: digest, [repositoriesAnnotation]: repositories.join(" ") };
}

/** What annotations of an index.json say; undefined for a bundle that needs no other. Throws OciError INVALID_DOCUMENT. */
export function parseDelta(annotations: Readonly<Record<string, string>>, what: string): Delta | undefined {
  const since = annotations[sinceAnnotation];
  if (since === undefined) return undefined;
  if (!isDigest(since))
    throw new OciError(
      "INVALID_DOCUMENT",
      `Cannot read ${what}: ${sinceAnnotation} is ${JSON.stringify(since)} and no digest`,
    );
  const repositories = (annotations[repositoriesAnnotation] ?? "").split(" ").filter((name) => name !== "");
  return { since, repositories };
}
