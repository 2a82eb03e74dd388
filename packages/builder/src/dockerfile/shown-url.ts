/**
 * A URL as it is written down, in locks and records: without the user and password it may hold. What is no URL loses all that is
 * before its last `@`, as a password with a slash in it does not end at the slash.
 */
export function withoutUserinfo(url: string): string {
  return url.replace(URL.canParse(url) ? /^([a-z]+:\/\/)[^/?#\\]*@/i : /^([a-z]+:\/\/).*@/is, "$1");
}

/** A URL for messages: also without the values of its query, which may be signatures or tokens. */
export function shownUrl(url: string): string {
  const [, before, query, fragment] = /^([a-z]+:\/\/[^?#]*\?)([^#]*)(.*)$/is.exec(withoutUserinfo(url)) ?? [];
  if (before === undefined || query === undefined) return withoutUserinfo(url);
  const names = query.split("&").map((part) => (part.includes("=") ? part.replace(/=.*/s, "=…") : "…"));
  return `${before}${names.join("&")}${fragment}`;
}
