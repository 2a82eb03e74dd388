/** Milliseconds since 1970, as a number or in digits, or a time of ISO 8601 with its zone; undefined for anything else. */
export function parseJibTime(text: string): number | undefined {
  if (/^-?\d+$/.test(text)) return inRange(Number(text));
  const match =
    /^(?<time>\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)(?<zone>Z|[+-]\d{2}(?::?\d{2})?)(?:\[[^\]]+\])?$/.exec(
      text,
    );
  if (match?.groups === undefined) return undefined;
  const { time = "", zone = "" } = match.groups;
  const [hours = "", minutes = "00"] =
    zone.length > 1 ? [zone.slice(0, 3), zone.slice(3).replace(":", "") || "00"] : [];
  return inRange(Date.parse(time + (zone === "Z" ? "Z" : `${hours}:${minutes}`)));
}

// RFC 3339, as the image's config has it, ends with the year 9999.
const lastMillisecond = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
const firstMillisecond = Date.parse("0000-01-01T00:00:00Z");

function inRange(milliseconds: number): number | undefined {
  return milliseconds >= firstMillisecond && milliseconds <= lastMillisecond ? milliseconds : undefined;
}
