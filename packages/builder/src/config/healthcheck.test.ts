import { expect, test } from "vitest";
import { toHealthcheck } from "./healthcheck.ts";

test("is written as BuildKit writes it", () => {
  expect(toHealthcheck("none")).toEqual({ Test: ["NONE"] });
  expect(toHealthcheck({ test: "curl -f localhost || exit 1" })).toEqual({
    Test: ["CMD-SHELL", "curl -f localhost || exit 1"],
  });
  expect(
    toHealthcheck({
      test: ["curl", "x"],
      interval: "1m30s",
      timeout: 5,
      startPeriod: "1.5s",
      startInterval: "2ms",
      retries: 3,
    }),
  ).toEqual({
    Test: ["CMD", "curl", "x"],
    Interval: 90_000_000_000,
    Timeout: 5_000_000_000,
    StartPeriod: 1_500_000_000,
    StartInterval: 2_000_000,
    Retries: 3,
  });
});

test("leaves out what is the engine's default", () => {
  expect(toHealthcheck({ test: ["x"], interval: 0, timeout: "0s", startPeriod: "0", retries: 0 })).toEqual({
    Test: ["CMD", "x"],
  });
});

test.each([
  [{ test: ["x"], interval: "5" }, `Cannot read the healthcheck's interval "5": expected a duration`],
  [{ test: ["x"], timeout: "1 s" }, `Cannot read the healthcheck's timeout "1 s": expected a duration`],
  [{ test: ["x"], timeout: "999us" }, `Cannot use the healthcheck's timeout "999us": it is less than 1ms`],
  [{ test: ["x"], interval: -1 }, `Cannot use the healthcheck's interval "-1": it is less than 1ms`],
  [{ test: [] }, "Cannot set the healthcheck: test is empty"],
])("refuses %j", (spec, message) => {
  expect(() => toHealthcheck(spec)).toThrow(expect.objectContaining({ code: "SPEC", message }));
});
