/** Milliseconds that a `Retry-After` header asks to wait, as seconds or as an HTTP date; undefined when it is neither. */
export function parseRetryAfter(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  const text = header.trim();
  if (/^\d{1,12}$/.test(text)) return Number(text) * 1000;
  // Date.parse takes much more than a date: "5 minutes" would be May.
  if (!/^[A-Z][a-z]+, \d/.test(text)) return undefined;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
