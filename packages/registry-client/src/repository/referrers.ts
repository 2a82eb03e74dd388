import { type Descriptor, mediaTypes, type Options, parseIndex } from "@lading/oci";
import { RegistryError } from "../errors.ts";
import type { RegistryResponse } from "../transport/registry-host.ts";
import { parseContentType } from "./content-type.ts";
import { pages } from "./pages.ts";
import { readReferrersTag } from "./referrers-tag.ts";
import { describe, type RemoteRepository } from "./remote.ts";

export interface ReferrersOptions extends Options {
  /** Only those of this type. */
  readonly artifactType?: string;
}

/**
 * What refers to `subject` (distribution-spec §Listing Referrers): by the API, or from the tag that
 * stands in for it where a registry has none. Throws RegistryError.
 */
export async function listReferrers(
  remote: RemoteRepository,
  subject: Descriptor,
  options: ReferrersOptions = {},
): Promise<readonly Descriptor[]> {
  const { artifactType, ...rest } = options;
  const listed = (await fromApi(remote, subject, options)) ?? {
    found: (await readReferrersTag(remote, subject, rest)).manifests,
    filtered: false,
  };
  const unique = [...new Map(listed.found.map((entry) => [entry.digest, entry])).values()];
  if (artifactType === undefined || listed.filtered) return unique;
  return unique.filter((entry) => entry.artifactType === artifactType);
}

/**
 * Whether the registry has the referrers API. Found out by asking, once per host: ECR answers a push
 * with OCI-Subject and has it not.
 */
export async function hasReferrersApi(
  remote: RemoteRepository,
  subject: Descriptor,
  options: Options,
): Promise<boolean> {
  const { memory } = remote.host;
  const known = memory.get("referrers");
  if (known !== undefined) return known === "api";
  return (await fromApi(remote, subject, options)) !== undefined;
}

interface Listed {
  readonly found: readonly Descriptor[];
  /** Whether the registry left out other types already. */
  readonly filtered: boolean;
}

// Undefined when there is no API.
async function fromApi(
  remote: RemoteRepository,
  { digest }: Descriptor,
  { artifactType, signal }: ReferrersOptions,
): Promise<Listed | undefined> {
  const { host, repository } = remote;
  if (host.memory.get("referrers") === "tag") return undefined;
  const query = artifactType === undefined ? "" : `?artifactType=${encodeURIComponent(artifactType)}`;
  const what = `referrers of ${describe(remote, digest)}`;
  const found: Descriptor[] = [];
  let filtered = true;
  const options = {
    what,
    signal,
    headers: { accept: mediaTypes.ociIndex },
    allow: [400, 403, 404, 405, 406, 415, 501],
  };
  for await (const { body, response } of pages(remote, `v2/${repository}/referrers/${digest}${query}`, options)) {
    // Artifactory and web front ends answer with a page about themselves.
    if (response.status !== 200 || parseContentType(response.header("content-type")) !== mediaTypes.ociIndex) {
      if (found.length > 0) throw new RegistryError("INVALID_RESPONSE", `Cannot list the ${what}: a page is missing`);
      if (!saysNothing(response, body)) host.memory.set("referrers", "tag");
      return undefined;
    }
    found.push(...parseIndex(body, mediaTypes.ociIndex, what).manifests);
    filtered = filtered && (response.header("oci-filters-applied") ?? "").includes("artifactType");
  }
  host.memory.set("referrers", "api");
  return { found, filtered };
}

/** Whether an answer is about this repository or digest, and not about the API. */
function saysNothing({ status }: RegistryResponse, body: Uint8Array): boolean {
  return status === 400 || status === 403 || Buffer.from(body).includes("NAME_UNKNOWN");
}
