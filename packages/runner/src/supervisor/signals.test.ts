import { expect, test } from "vitest";
import { signalNumber } from "./signals.ts";

test.each([
  ["SIGTERM", 15],
  ["TERM", 15],
  ["term", 15],
  ["9", 9],
  ["64", 64],
  ["SIGRTMIN", 34],
  ["SIGRTMIN+3", 37],
  ["RTMAX-1", 63],
])("%s is %i", (text, number) => {
  expect(signalNumber(text)).toBe(number);
});

test.each(["", "0", "65", "-9", "SIGNOPE", "SIGRTMIN+31", "9 "])("%j is no signal", (text) => {
  expect(() => signalNumber(text)).toThrow(expect.objectContaining({ code: "SPEC" }));
});
