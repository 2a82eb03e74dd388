import { isTag, OciError, type Options, parseJson } from "@lading/oci";
import { RegistryError } from "../errors.ts";
import { missingContent } from "./failures.ts";
import { parseContentType } from "./content-type.ts";
import { type Page, pageLimit, pages } from "./pages.ts";
import { describe, type RemoteRepository } from "./remote.ts";

// ECR refuses more than 1000: https://github.com/google/go-containerregistry/issues/1091
const pageSize = 1000;

/**
 * The tags of a repository, each once, in the order of the registry, read page by page while they
 * are used. What is no tag is left out: nulls (Nexus), digests (Artifactory). Throws OciError
 * NOT_FOUND, RegistryError.
 */
export async function* listTags(remote: RemoteRepository, options: Options = {}): AsyncGenerator<string> {
  const what = `tags of ${describe(remote)}`;
  const path = `v2/${remote.repository}/tags/list`;
  const seen = new Set<string>();
  let refused = false;
  try {
    for await (const page of pages(remote, `${path}?n=${pageSize}`, { ...options, what, allow: [400] })) {
      refused = page.response.status === 400;
      if (!refused) yield* newTags(page, seen, what);
    }
    // Some registries have a lower limit, or none of this.
    if (refused) for await (const page of pages(remote, path, { ...options, what })) yield* newTags(page, seen, what);
  } catch (error) {
    throw missingContent(error, `the ${what}`, "Check the name of the repository");
  }
}

function* newTags({ body, response }: Page, seen: Set<string>, what: string): Generator<string> {
  if (parseContentType(response.header("content-type")) === "text/html")
    throw new RegistryError("INVALID_RESPONSE", `Cannot list the ${what}: the answer is an HTML page`, {
      hint: `Check that ${response.url.host} is a registry and not a web site or a login page`,
    });
  const value = parsePage(body, what);
  const tags = typeof value === "object" && value !== null && "tags" in value ? value.tags : undefined;
  // A repository without tags: null where a Go slice was empty (distribution).
  if (tags === null) return;
  if (!Array.isArray(tags)) throw new RegistryError("INVALID_RESPONSE", `Cannot list the ${what}: there is no list`);
  for (const tag of tags) {
    if (typeof tag !== "string" || !isTag(tag) || seen.has(tag)) continue;
    seen.add(tag);
    yield tag;
  }
}

function parsePage(body: Uint8Array, what: string): unknown {
  try {
    return parseJson(body, { limit: pageLimit, what });
  } catch (error) {
    if (!(error instanceof OciError)) throw error;
    throw new RegistryError("INVALID_RESPONSE", error.message, { cause: error });
  }
}
