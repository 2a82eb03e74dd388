import { cases, casesIn } from "@lading/testkit";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { Digester, digestAlgorithm, digestHex, digestOf, isDigest, parseDigest } from "./digest.ts";

test("digestOf() hashes bytes and text alike", () => {
  const empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  expect(digestOf("")).toBe(empty);
  expect(digestOf(new Uint8Array(0))).toBe(empty);
  expect(digestOf("é")).toBe(digestOf(Buffer.from([0xc3, 0xa9])));
});

test("Digester counts what it hashes", () => {
  const digester = new Digester("sha512").update(Buffer.from("ab")).update(Buffer.from("c"));
  expect(digester.size).toBe(3);
  expect(digester.digest()).toBe(digestOf("abc", "sha512"));
});

test("a digest comes apart into algorithm and hex", () => {
  const digest = digestOf("x", "sha512");
  expect(digestAlgorithm(digest)).toBe("sha512");
  expect(digestHex(digest)).toHaveLength(128);
  expect(parseDigest(digest)).toBe(digest);
});

test.each([
  "sha256:",
  `sha256:${"A".repeat(64)}`,
  `sha256:${"a".repeat(63)}`,
  `md5:${"a".repeat(32)}`,
  `sha256:${"a".repeat(64)}\n`,
])("parseDigest(%j) refuses it, quoted", (text) => {
  expect(isDigest(text)).toBe(false);
  expect(() => parseDigest(text)).toThrow(JSON.stringify(text));
});

describe.runIf(cases !== undefined)("as opencontainers/go-digest", () => {
  const all = casesIn("registry/digests.json", z.object({ Input: z.string(), Err: z.string().optional() }));
  test.each(all)("$Input", ({ Input, Err }) => {
    if (Err === undefined) expect(parseDigest(Input)).toBe(Input);
    else expect(() => parseDigest(Input)).toThrow(SyntaxError);
  });
});
