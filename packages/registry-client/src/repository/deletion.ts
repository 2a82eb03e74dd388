import { isDigest, type Options } from "@lading/oci";
import { RegistryError } from "../errors.ts";
import { missingContent } from "./failures.ts";
import { describe, manifestUrl, type RemoteRepository } from "./remote.ts";

/**
 * Deletes a tag, or a manifest by its digest: what is named, and no more. Throws OciError NOT_FOUND,
 * RegistryError UNSUPPORTED where the registry deletes no tags, or nothing at all.
 */
export async function deleteManifest(
  remote: RemoteRepository,
  tagOrDigest: string,
  { signal }: Options,
): Promise<void> {
  const { host, repository } = remote;
  const what = describe(remote, tagOrDigest);
  try {
    const response = await host.send({
      method: "DELETE",
      url: manifestUrl(remote, tagOrDigest),
      scopes: [{ repository, actions: ["pull", "push", "delete"] }],
      signal,
    });
    await response.discard();
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    // distribution 2.8: "DIGEST_INVALID" for a tag; others say what it is.
    if (!isDigest(tagOrDigest) && (error.status === 400 || error.status === 405 || error.status === 501))
      throw new RegistryError(
        "UNSUPPORTED",
        `Cannot delete ${what}: ${host.registry} deletes no tags (${words(error)})`,
        {
          cause: error,
          status: error.status,
          messages: error.messages,
          hint: "Delete the digest it names, and with it every other tag of that digest",
        },
      );
    if (error.status === 405 || error.status === 501)
      throw new RegistryError(
        "UNSUPPORTED",
        `Cannot delete ${what}: ${host.registry} does not delete (${words(error)})`,
        {
          cause: error,
          status: error.status,
          messages: error.messages,
          hint: "Deletion may be switched off: docker-registry wants REGISTRY_STORAGE_DELETE_ENABLED=true",
        },
      );
    throw missingContent(error, what);
  }
}

function words({ messages, status }: RegistryError): string {
  return messages.length === 0
    ? `status ${status}`
    : messages.map(({ code, message }) => `${code}: ${message}`).join("; ");
}
