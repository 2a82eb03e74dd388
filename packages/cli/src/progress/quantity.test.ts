import { expect, test } from "vitest";
import { formatCount, formatSize, formatTime } from "./quantity.ts";

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [1000, "1.0 kB"],
  [1234, "1.2 kB"],
  [99_949, "99.9 kB"],
  [123_456, "123 kB"],
  [999_500, "1.0 MB"],
  [384e6, "384 MB"],
  [1.5e9, "1.5 GB"],
  [5e15, "5000 TB"],
])("%d bytes are %s", (bytes, text) => {
  expect(formatSize(bytes)).toBe(text);
});

test.each([
  [0.2, "0 ms"],
  [99, "99 ms"],
  [420, "0.42 s"],
  [12_345, "12.3 s"],
  [59_990, "1 min 00 s"],
  [125_000, "2 min 05 s"],
])("%d ms are %s", (ms, text) => {
  expect(formatTime(ms)).toBe(text);
});

test("counts are grouped, and their noun agrees", () => {
  expect([formatCount(1, "file"), formatCount(25_196, "file"), formatCount(2, "entry", "entries")]).toEqual([
    "1 file",
    "25,196 files",
    "2 entries",
  ]);
});
