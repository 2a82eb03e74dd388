import { RegistryError } from "../errors.ts";
import { redactText } from "../transport/redact.ts";
import type { RegistryHost, RegistryResponse } from "../transport/registry-host.ts";

/**
 * Where an upload goes on: Location of an answer, relative or absolute, opaque but for its fragment.
 * Undefined when there is none. Throws RegistryError INVALID_RESPONSE when it is no URL.
 */
export function uploadLocation(host: RegistryHost, response: RegistryResponse): URL | undefined {
  const text = response.header("location");
  if (text === undefined || text === "") return undefined;
  if (!URL.canParse(text, response.url.href))
    throw new RegistryError(
      "INVALID_RESPONSE",
      `Cannot upload to ${host.registry}: ${JSON.stringify(redactText(text))} is no Location`,
    );
  const url = new URL(text, response.url);
  url.hash = "";
  // A registry behind a proxy that ends TLS, and that does not tell it (X-Forwarded-Proto), names
  // http:// (Harbor #3114). It is the same host: it is asked as it was before.
  const { base } = host;
  if (url.protocol === "http:" && base.protocol === "https:" && url.hostname === base.hostname && url.port === "") {
    url.protocol = base.protocol;
    url.port = base.port;
  }
  return url;
}

/** The URL that ends an upload. The query is opaque: encoding it anew could change it. */
export function withDigest(location: URL, digest: string): URL {
  const url = new URL(location);
  url.search = `${url.search === "" ? "?" : `${url.search}&`}digest=${digest}`;
  return url;
}
