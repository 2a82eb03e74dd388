import { cases, casesIn } from "@lading/testkit";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { familiarReference, formatReference, isTag, parseReference, withDefaultTag } from "./reference.ts";

const referenceCase = z.object({
  input: z.string(),
  error: z.string().optional(),
  canonical: z.string().optional(),
  familiar: z.string().optional(),
  registry: z.string().optional(),
  repository: z.string().optional(),
  tag: z.string().nullish(),
  digest: z.string().nullish(),
  withDefaultTag: z.string().optional(),
});

const hex = "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9";

test("parseReference() expands Docker Hub's short names", () => {
  expect(parseReference("alpine")).toEqual({ registry: "docker.io", repository: "library/alpine" });
  expect(parseReference("index.docker.io/acme/app:1")).toEqual({
    registry: "docker.io",
    repository: "acme/app",
    tag: "1",
  });
});

test("parseReference() takes tag and digest together", () => {
  const reference = parseReference(`localhost:5000/app:1@sha256:${hex}`);
  expect(reference).toEqual({
    registry: "localhost:5000",
    repository: "app",
    tag: "1",
    digest: `sha256:${hex}`,
  });
  expect(formatReference(reference)).toBe(`localhost:5000/app:1@sha256:${hex}`);
});

test.each([
  ["", "empty"],
  ["a\n", "not a repository path"],
  [hex, "image ID"],
  ["https://ghcr.io/acme/app", "scheme"],
  ["ghcr.io/Acme/app", "lower case"],
  ["ghcr.io/acme/app:", "is not a tag"],
  ["ghcr.io/acme/app:.1", "is not a tag"],
  [`app@sha256:${hex.toUpperCase()}`, "digest"],
  ["-host.io/app", "registry host"],
  [`ghcr.io/${"a".repeat(256)}`, "255"],
])("parseReference(%j) says what is wrong", (text, reason) => {
  expect(() => parseReference(text)).toThrow(SyntaxError);
  expect(() => parseReference(text)).toThrow(reason);
});

test("familiarReference() never shortens to another image's name", () => {
  for (const text of [
    "docker.io/library/a/b",
    "docker.io/library/localhost/x",
    `docker.io/library/x:${hex}`,
    "docker.io/acme/a",
  ]) {
    const reference = parseReference(text);
    expect(parseReference(familiarReference(reference))).toEqual(reference);
  }
});

test("isTag() knows the 128 characters a tag may have", () => {
  expect(isTag("_x.Y-1")).toBe(true);
  expect(isTag("x".repeat(128))).toBe(true);
  expect(isTag("x".repeat(129))).toBe(false);
  expect(isTag("-x")).toBe(false);
  expect(isTag("")).toBe(false);
});

describe.runIf(cases !== undefined)("as distribution/reference", () => {
  const all = casesIn("registry/references.json", referenceCase);
  test.each(all.map((one) => [one.input, one] as const))("%j", (input, expected) => {
    if (expected.error !== undefined) {
      expect(() => parseReference(input)).toThrow(SyntaxError);
      return;
    }
    const reference = parseReference(input);
    expect({
      canonical: formatReference(reference),
      familiar: familiarReference(reference),
      withDefaultTag: formatReference(withDefaultTag(reference)),
      registry: reference.registry,
      repository: reference.repository,
      tag: reference.tag ?? null,
      digest: reference.digest ?? null,
    }).toEqual({
      canonical: expected.canonical,
      familiar: expected.familiar,
      withDefaultTag: expected.withDefaultTag,
      registry: expected.registry,
      repository: expected.repository,
      tag: expected.tag,
      digest: expected.digest,
    });
    if (!/^[0-9a-f]{64}$/.test(familiarReference(reference)))
      expect(parseReference(familiarReference(reference))).toEqual(reference);
  });
});
