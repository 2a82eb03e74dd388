/** Query parameters of registries' and token servers' own; values of all others may be signatures or tokens. */
const harmless = new Set([
  "artifactType",
  "client_id",
  "digest",
  "from",
  "last",
  "mount",
  "n",
  "next",
  "ns",
  "scope",
  "service",
  "tag",
]);

/**
 * A URL for messages and logs: without userinfo, and with the values of query parameters left out. Of a registry's those that it
 * is known for are kept; `kind` is what people take the host for. Default: registry.
 */
export function redactUrl(url: URL, kind: "registry" | "web" = "registry"): string {
  const query = url.search
    .slice(1)
    .split("&")
    .filter((part) => part !== "")
    .map((part) => {
      // A token may be all that there is.
      if (!part.includes("=")) return "…";
      const [[name, value] = ["", ""]] = new URLSearchParams(part);
      return kind === "registry" && harmless.has(name) ? `${name}=${readable(value)}` : `${readable(name)}=…`;
    });
  return `${url.protocol}//${url.host}${url.pathname}${query.length === 0 ? "" : `?${query.join("&")}`}`;
}

/** A text that should be a URL and may not be one, for messages: without userinfo and query, and cut. */
export function redactText(text: string): string {
  return text
    .replace(/\?.*$/s, "?…")
    .replace(/\/\/[^/]*@/, "//")
    .slice(0, 200);
}

/** What an answer says, without the credentials that were sent: some servers show what they were asked. */
export function withoutCredentials(body: Uint8Array, authorization: string | undefined): Uint8Array {
  const [scheme = "", value = ""] = authorization?.split(" ") ?? [];
  if (value === "") return body;
  const pair = scheme === "Basic" ? Buffer.from(value, "base64").toString() : "";
  const secrets = [value, pair.slice(pair.indexOf(":") + 1)]
    // Of a word this short nothing readable would be left.
    .filter((secret) => secret.length > 3)
    .flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1), secret.replaceAll("/", "\\/")]);
  const text = new TextDecoder().decode(body);
  return new TextEncoder().encode(secrets.reduce((rest, secret) => rest.replaceAll(secret, "***"), text));
}

/** A text of a registry on one line, without control characters, cut at `limit` characters. */
export function oneLine(text: string, limit = 300): string {
  const clean = text.replace(/[\p{Cc}\p{Cf}\s]+/gu, " ").trim();
  return clean.length > limit ? `${clean.slice(0, limit)}…` : clean;
}

function readable(text: string): string {
  return encodeURIComponent(text).replace(/%(?:2F|3A|2C|40)/gi, decodeURIComponent);
}
