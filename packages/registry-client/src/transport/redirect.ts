import { RegistryError } from "../errors.ts";
import { redactUrl } from "./redact.ts";

/** Redirects that one request is led through at most. */
const maxRedirects = 10;

/**
 * Where a redirect leads; undefined when the answer is none that may be followed: GET and HEAD are
 * repeated for all of them, other methods only where the same is to be asked once more (307, 308).
 * `kind` is what people take the host for. Throws RegistryError INVALID_RESPONSE.
 */
export function redirectTarget(
  method: string,
  status: number,
  location: string | undefined,
  from: URL,
  redirects: number,
  kind: "registry" | "web",
): URL | undefined {
  const safe = method === "GET" || method === "HEAD";
  const followed = safe ? [301, 302, 303, 307, 308] : [307, 308];
  if (!followed.includes(status)) return undefined;
  const invalid = (reason: string): RegistryError =>
    new RegistryError("INVALID_RESPONSE", `${method} ${redactUrl(from, kind)}: ${status}: ${reason}`, {
      status,
      ...(kind === "web" ? {} : { hint: `Check that ${from.host} is a registry, and not a web site or a login page` }),
    });
  if (location === undefined) throw invalid("the redirect has no Location");
  if (redirects >= maxRedirects) throw invalid(`redirected more than ${maxRedirects} times`);
  if (!URL.canParse(location, from.href)) throw invalid("the Location of the redirect is no URL");
  const target = new URL(location, from);
  target.hash = "";
  return target;
}
