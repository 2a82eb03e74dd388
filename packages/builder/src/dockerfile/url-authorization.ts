import type { DockerfileRequest } from "./dockerfile-request.ts";

/**
 * The Authorization header that secrets say for a URL's host, as BuildKit calls them: HTTP_AUTH_TOKEN_example.org, a bearer
 * token, or HTTP_AUTH_HEADER_example.org, the whole header; undefined when there is none.
 */
export function urlAuthorization(url: string, secrets: DockerfileRequest["secrets"] = {}): string | undefined {
  const hostname = URL.parse(url)?.hostname ?? "";
  const token = secrets[`HTTP_AUTH_TOKEN_${hostname}`];
  if (token !== undefined) return `Bearer ${Buffer.from(token).toString().trim()}`;
  const header = secrets[`HTTP_AUTH_HEADER_${hostname}`];
  return header === undefined ? undefined : Buffer.from(header).toString().trim();
}
