import { expect, test } from "vitest";
import { formatAge, formatAgo } from "./age.ts";

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

test.each([
  [0, "Less than a second"],
  [second, "1 second"],
  [59 * second, "59 seconds"],
  [minute, "About a minute"],
  [59 * minute, "59 minutes"],
  [hour, "About an hour"],
  [47 * hour, "47 hours"],
  [2 * day, "2 days"],
  [14 * day, "2 weeks"],
  [70 * day, "2 months"],
  [800 * day, "2 years"],
])("%i ms are: %s", (ms, words) => {
  expect(formatAge(ms)).toBe(words);
});

test("a clock that was put back makes nothing negative", () => {
  expect(formatAgo("2026-01-01T00:00:10Z", Date.parse("2026-01-01T00:00:00Z"))).toBe("Less than a second ago");
});
