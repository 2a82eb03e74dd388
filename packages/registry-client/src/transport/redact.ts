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

/** A URL for messages and logs: without userinfo, and with the values of unknown query parameters left out. */
export function redactUrl(url: URL): string {
  const query = [...url.searchParams].map(([name, value]) =>
    harmless.has(name) ? `${name}=${readable(value)}` : `${readable(name)}=…`,
  );
  return `${url.protocol}//${url.host}${url.pathname}${query.length === 0 ? "" : `?${query.join("&")}`}`;
}

/** A text of a registry on one line, without control characters, cut at `limit` characters. */
export function oneLine(text: string, limit = 300): string {
  const clean = text.replace(/[\p{Cc}\p{Cf}\s]+/gu, " ").trim();
  return clean.length > limit ? `${clean.slice(0, limit)}…` : clean;
}

function readable(text: string): string {
  return encodeURIComponent(text).replace(/%(?:2F|3A|2C|40)/gi, decodeURIComponent);
}
