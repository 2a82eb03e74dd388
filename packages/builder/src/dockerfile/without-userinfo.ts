/**
 * A URL for messages, locks and records: without the user and password it may hold. What is no URL loses all that is
 * before its last `@`, as a password with a slash in it does not end at the slash.
 */
export function withoutUserinfo(url: string): string {
  return url.replace(URL.canParse(url) ? /^([a-z]+:\/\/)[^/?#\\]*@/i : /^([a-z]+:\/\/).*@/is, "$1");
}
