import { expect, test } from "vitest";
import { Restarts } from "./restart-policy.ts";

const ended = { code: 1, ran: 5, restarts: 0, stopped: false };

test("each restart waits twice as long as the one before, up to a minute, and from the beginning after ten seconds of running", () => {
  const restarts = new Restarts({ name: "always", maximum: 0 });
  const delays = Array.from({ length: 12 }, () => restarts.next(ended));
  expect(delays).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000, 60_000]);
  expect(restarts.next({ ...ended, ran: 10_000 })).toBe(100);
  expect(restarts.next(ended)).toBe(200);
});

test.each([
  ["no", 0, ended, undefined],
  ["on-failure", 0, ended, 100],
  ["on-failure", 0, { ...ended, code: 0 }, undefined],
  ["on-failure", 3, { ...ended, restarts: 2 }, 100],
  ["on-failure", 3, { ...ended, restarts: 3 }, undefined],
  ["always", 0, { ...ended, code: 0 }, 100],
  ["unless-stopped", 0, { ...ended, code: 0 }, 100],
  ["always", 0, { ...ended, stopped: true }, undefined],
  ["unless-stopped", 0, { ...ended, stopped: true }, undefined],
] as const)("%s:%i after %o waits %o", (name, maximum, end, delay) => {
  expect(new Restarts({ name, maximum }).next(end)).toBe(delay);
});
