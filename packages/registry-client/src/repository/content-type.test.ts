import { casesIn } from "@lading/testkit";
import { expect, test } from "vitest";
import { z } from "zod";
import { parseContentLength } from "./content-length.ts";
import { parseContentType } from "./content-type.ts";

const cases = casesIn("registry/http-headers.json", z.looseObject({ op: z.string(), case: z.unknown() }));
const types = cases.filter(({ op }) => op === "Content-Type without params");
const lengths = cases.filter(({ op }) => op === "Content-Length blob size");

test.runIf(types.length > 0)("Content-Type loses its parameters as in other clients", () => {
  for (const { case: input } of types) {
    const { input: header, expected } = z.object({ input: z.string(), expected: z.string() }).parse(input);
    expect(parseContentType(header)).toBe(expected === "" ? undefined : expected);
  }
});

test.runIf(lengths.length > 0)("Content-Length is a number or nothing", () => {
  for (const { case: input } of lengths) {
    const { headers, expected } = z.object({ headers: z.array(z.string()), expected: z.number() }).parse(input);
    expect(parseContentLength(headers.length === 0 ? undefined : headers.join(", "))).toBe(
      expected === -1 ? undefined : expected,
    );
  }
});

test("a length that no number holds is none", () => {
  for (const header of ["1e3", "0x10", "+5", "5, 5", "9007199254740993", "99999999999999999999"])
    expect(parseContentLength(header)).toBeUndefined();
  expect(parseContentLength("9007199254740991")).toBe(Number.MAX_SAFE_INTEGER);
});
