import { expect, test } from "vitest";
import { parseMoment } from "./moment.ts";

const now = Date.parse("2026-08-01T12:00:00Z");

test.each([
  ["10m", "2026-08-01T11:50:00.000Z"],
  ["1h30m", "2026-08-01T10:30:00.000Z"],
  ["500ms", "2026-08-01T11:59:59.500Z"],
  ["2026-08-01T10:00:00Z", "2026-08-01T10:00:00.000Z"],
  ["2026-08-01T10:00:00.123456789+02:00", "2026-08-01T08:00:00.123Z"],
  ["1785585600.5", "2026-08-01T12:00:00.500Z"],
])("%s is %s", (text, time) => {
  expect(parseMoment("since", text, now).toISOString()).toBe(time);
});

test("a date alone begins where this machine is", () => {
  expect(parseMoment("since", "2026-08-01", now)).toEqual(new Date(2026, 7, 1));
});

test.each(["", "yesterday", "10 m", "2026-13-01", "-5"])('"%s" is no time', (text) => {
  expect(() => parseMoment("since", text, now)).toThrow(`Cannot use --since "${text}": expected a time`);
});
