import { expect, test } from "vitest";
import { parseRetryAfter } from "./retry-after.ts";

const now = Date.UTC(2026, 10, 6, 8, 49, 37);

test.each([
  ["0", 0],
  ["120", 120_000],
  [" 5 ", 5000],
  ["Fri, 06 Nov 2026 08:50:37 GMT", 60_000],
  ["Friday, 06-Nov-26 08:50:37 GMT", 60_000],
  ["Fri, 06 Nov 2026 08:00:00 GMT", 0],
  ["-5", undefined],
  ["1.5", undefined],
  ["soon", undefined],
  ["5 minutes", undefined],
  ["", undefined],
  [undefined, undefined],
])("Retry-After %s", (header, expected) => {
  expect(parseRetryAfter(header, now)).toBe(expected);
});
