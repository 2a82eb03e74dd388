import { expect, test } from "vitest";
import { parseJibTime } from "./jib-time.ts";

test.each([
  ["0", 0],
  ["1500", 1500],
  ["-1", -1],
  ["1970-01-01T00:00:01Z", 1000],
  ["1970-01-01T01:00:01.25+01:00", 1250],
  ["1970-01-01T00:00:01+0000", 1000],
  ["1969-12-31T23:00-01", 0],
  ["1970-01-01T01:00:00+01:00[Europe/Paris]", 0],
])("%s is %d ms", (text, milliseconds) => {
  expect(parseJibTime(text)).toBe(milliseconds);
});

test.each(["", "soon", "1970-01-01", "1970-01-01T00:00:00", "1970-13-01T00:00:00Z", "9".repeat(30)])(
  "%s is no time",
  (text) => {
    expect(parseJibTime(text)).toBeUndefined();
  },
);
