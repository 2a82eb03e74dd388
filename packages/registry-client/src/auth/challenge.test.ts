import { cases, casesIn } from "@lading/testkit";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { z } from "zod";
import { parseChallenges } from "./challenge.ts";

const plain = (headers: readonly string[]): unknown =>
  parseChallenges(headers).map(({ scheme, params }) => ({ scheme, params: Object.fromEntries(params) }));

const challengeCase = z.object({
  name: z.string(),
  header: z.array(z.string()),
  error: z.string().optional(),
  challenges: z.array(z.object({ scheme: z.string(), params: z.record(z.string(), z.string()) })).optional(),
});

test.runIf(cases !== undefined).each(casesIn("registry/challenges.json", challengeCase))(
  "parseChallenges() agrees with other clients on $name",
  ({ header, error, challenges }) => {
    if (error === undefined) expect(plain(header)).toEqual(challenges);
    else expect(() => parseChallenges(header)).toThrow(SyntaxError);
  },
);

test("parseChallenges() reads several challenges of one header and of several", () => {
  const headers = [
    'Basic realm="a, b", charset=UTF-8 , Bearer realm="https://auth.test/token",service="x"',
    "Negotiate",
  ];
  expect(plain(headers)).toEqual([
    { scheme: "basic", params: { realm: "a, b", charset: "UTF-8" } },
    { scheme: "bearer", params: { realm: "https://auth.test/token", service: "x" } },
    { scheme: "negotiate", params: {} },
  ]);
});

test("parseChallenges() passes over the token of a scheme that has no parameters", () => {
  expect(plain(['Negotiate YIIB/w==, Bearer realm="x"'])).toEqual([
    { scheme: "negotiate", params: {} },
    { scheme: "bearer", params: { realm: "x" } },
  ]);
});

test("parseChallenges() takes bare values, names in any case, and the first of two", () => {
  expect(plain(["BEARER Realm=https://auth.test/token?a=b,REALM=other"])).toEqual([
    { scheme: "bearer", params: { realm: "https://auth.test/token?a=b" } },
  ]);
});

test.each(['realm="x"', "Bearer realm", "Bearer realm=", 'Bearer realm="x" y', "Bearer @", "="])(
  "parseChallenges() makes no challenge with a parameter of %j",
  (header) => {
    let params = 0;
    try {
      params = parseChallenges([header]).reduce((sum, challenge) => sum + challenge.params.size, 0);
    } catch (error) {
      expect(error).toBeInstanceOf(SyntaxError);
    }
    expect(params).toBe(0);
  },
);

test("parseChallenges() throws nothing but SyntaxError, whatever comes", () => {
  const hostile = fc.array(fc.constantFrom("Bearer", "realm", "=", '"', "\\", ",", " ", "\t", "a==", "/", "é", "\0"));
  fc.assert(
    fc.property(hostile, (parts) => {
      try {
        parseChallenges([parts.join("")]);
      } catch (error) {
        expect(error).toBeInstanceOf(SyntaxError);
      }
    }),
    { numRuns: 2000 },
  );
});

test("parseChallenges() gives back what was quoted", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom("a", '"', "\\", ",", "=", " ") }), (value) => {
      const text = value.replaceAll(/["\\]/g, String.raw`\$&`);
      expect(plain([`Bearer a="${text}",b=c`])).toEqual([{ scheme: "bearer", params: { a: value, b: "c" } }]);
    }),
  );
});
