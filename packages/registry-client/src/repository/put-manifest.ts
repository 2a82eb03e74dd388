import { digestAlgorithm, isDigest, type Options } from "@lading/oci";
import { RegistryError } from "../errors.ts";
import { describe, manifestUrl, pushing, type RemoteRepository } from "./remote.ts";
import { bodyOf } from "./upload-source.ts";

/** Stores a document under a tag or its digest. Throws RegistryError with the registry's own words. */
export async function putManifest(
  remote: RemoteRepository,
  document: { readonly mediaType: string; readonly bytes: Uint8Array },
  tagOrDigest: string,
  { signal }: Options,
): Promise<void> {
  const response = await remote.host.send({
    method: "PUT",
    url: manifestUrl(remote, tagOrDigest),
    headers: { "content-type": document.mediaType },
    body: bodyOf(document.bytes),
    scopes: pushing(remote),
    signal,
  });
  await response.discard();
  const stated = response.header("docker-content-digest");
  if (stated === undefined || !isDigest(stated) || !isDigest(tagOrDigest) || stated === tagOrDigest) return;
  if (digestAlgorithm(stated) !== digestAlgorithm(tagOrDigest)) return;
  throw new RegistryError(
    "INVALID_RESPONSE",
    `Cannot push ${describe(remote, tagOrDigest)}: the registry says that it is ${stated}`,
  );
}
