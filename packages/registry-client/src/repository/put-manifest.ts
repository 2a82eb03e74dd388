import { digestAlgorithm, isDigest, type Options } from "@lading/oci";
import { RegistryError } from "../errors.ts";
import { describe, manifestUrl, pushing, type RemoteRepository } from "./remote.ts";
import type { RegistryRequest, RegistryResponse } from "../transport/registry-host.ts";
import { bodyOf } from "./upload-source.ts";

/** Stores a document under a tag or its digest. Throws RegistryError with the registry's own words. */
export async function putManifest(
  remote: RemoteRepository,
  document: { readonly mediaType: string; readonly bytes: Uint8Array },
  tagOrDigest: string,
  { signal }: Options,
): Promise<void> {
  const request: RegistryRequest = {
    method: "PUT",
    url: manifestUrl(remote, tagOrDigest),
    headers: { "content-type": document.mediaType },
    body: bodyOf(document.bytes),
    scopes: pushing(remote),
    signal,
  };
  const attempts = remote.host.attempts({ signal });
  let unseen = 0;
  const send = async (): Promise<RegistryResponse> => {
    for (;;)
      try {
        return await remote.host.send(request);
      } catch (error) {
        if (!missesContent(error) || ++unseen > unseenAttempts) throw error;
        const { code, message, messages } = error;
        await attempts.failed(new RegistryError(code, message, { cause: error, messages, transient: true }));
      }
  };
  const response = await send();
  await response.discard();
  const stated = response.header("docker-content-digest");
  if (stated === undefined || !isDigest(stated) || !isDigest(tagOrDigest) || stated === tagOrDigest) return;
  if (digestAlgorithm(stated) !== digestAlgorithm(tagOrDigest)) return;
  throw new RegistryError(
    "INVALID_RESPONSE",
    `Cannot push ${describe(remote, tagOrDigest)}: the registry says that it is ${stated}`,
  );
}

/*
 * docker-registry 2 does not see a manifest for the moment in which somebody else stores it again (its
 * files are written in place), and registries on object stores see some content later than they took it.
 */
const unseenAttempts = 2;

function missesContent(error: unknown): error is RegistryError {
  return error instanceof RegistryError && error.messages.some(({ code }) => code === "MANIFEST_BLOB_UNKNOWN");
}
