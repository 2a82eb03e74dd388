import { cases } from "@lading/testkit";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { BuildError } from "../errors.ts";
import { parseIgnoreFile } from "./ignore.ts";
import { Matcher } from "./patterns.ts";

const patternCases = z.object({
  cases: z.array(
    z.object({
      patterns: z.array(z.string()),
      text: z.string(),
      match: z.boolean().nullable(),
      error: z.string().optional(),
    }),
  ),
  compile: z.array(z.object({ pattern: z.string(), regexp: z.string() })),
  ignorefile: z.object({ content: z.string(), expected: z.array(z.string()) }),
});

describe.runIf(cases !== undefined)("moby's own cases", () => {
  const loaded = cases === undefined ? undefined : patternCases.parse(cases.json("dockerfile/ignore-patterns.json"));

  test.each(loaded?.cases ?? [])("$patterns on $text", ({ patterns, text, match, error }) => {
    if (error === undefined) expect(new Matcher(patterns).matches(text)).toBe(match);
    else expect(() => new Matcher(patterns)).toThrow(BuildError);
  });

  test.each(loaded?.compile.filter((row) => row.regexp !== "") ?? [])(
    "$pattern picks what $regexp does",
    ({ pattern, regexp }) => {
      const words = ["a", "b", "dir", "dir2", "file", "file.txt", "filetxt", "abe", "ace", ".x", "abc-def", "abc.def"];
      const expected = new RegExp(regexp);
      fc.assert(
        fc.property(fc.array(fc.constantFrom(...words), { minLength: 1, maxLength: 4 }), (parts) => {
          const path = parts.join("/");
          const chain = parts.map((_, index) => parts.slice(0, index + 1).join("/"));
          expect(new Matcher([pattern]).matches(path)).toBe(chain.some((part) => expected.test(part)));
        }),
      );
    },
  );

  test("an ignore file is read as moby reads it", () => {
    expect(parseIgnoreFile(loaded?.ignorefile.content ?? "")).toEqual(loaded?.ignorefile.expected);
  });
});

/** moby's algorithm as it stands there: every pattern a regular expression, every parent tried. */
function naive(patterns: readonly string[], path: string): boolean {
  const parts = path.split("/");
  const chain = parts.map((_, index) => parts.slice(0, index + 1).join("/"));
  let matched = false;
  for (const pattern of patterns) {
    const exception = pattern.startsWith("!");
    const source = pattern
      .replace(/^!/, "")
      .replace(/[.+(){}|$]/g, String.raw`\$&`)
      .replace(/\*\*\/?$/, "\0")
      .replace(/\*\*\/?/g, "\x01")
      .replace(/\*/g, "[^/]*")
      .replace(/\?/g, "[^/]")
      .replaceAll("\0", ".*")
      .replaceAll("\x01", "(.*/)?");
    if (exception !== matched) continue;
    if (chain.some((part) => new RegExp(`^${source}$`, "su").test(part))) matched = !exception;
  }
  return matched;
}

const component = fc.constantFrom("a", "b", "ab", "a.b", "*", "?", "a*", "*b", "**", "[ab]", "[^a]");
const pattern = fc
  .tuple(fc.boolean(), fc.array(component, { minLength: 1, maxLength: 4 }))
  .map(([exception, parts]) => (exception ? "!" : "") + parts.join("/"));
const path = fc.array(fc.constantFrom("a", "b", "ab", "a.b", "bb"), { minLength: 1, maxLength: 5 });

test("the compiled shapes agree with plain regular expressions", () => {
  fc.assert(
    fc.property(fc.array(pattern, { maxLength: 5 }), path, (patterns, parts) => {
      expect(new Matcher(patterns).matches(parts.join("/"))).toBe(naive(patterns, parts.join("/")));
    }),
    { numRuns: 3000 },
  );
});

test("a walk that trusts mayChange() misses nothing", () => {
  fc.assert(
    fc.property(fc.array(pattern, { maxLength: 5 }), path, (patterns, parts) => {
      const matcher = new Matcher(patterns);
      let scope = matcher.root();
      let settled: boolean | undefined;
      for (const [index, name] of parts.entries()) {
        const here = parts.slice(0, index + 1).join("/");
        const matched = scope.matches(here, name);
        if (settled !== undefined) expect(matched).toBe(settled);
        scope = scope.enter(here, name);
        if (!scope.mayChange(matched)) settled ??= matched;
      }
    }),
    { numRuns: 3000 },
  );
});

test("an excluded folder is not entered for an exception that lies elsewhere", () => {
  const scope = new Matcher(["**", "!dist", "!packages/*/dist"]).root();
  expect(scope.enter("node_modules", "node_modules").mayChange(true)).toBe(false);
  expect(scope.enter("packages", "packages").mayChange(true)).toBe(true);
});

test("the deciding pattern is named as it is written", () => {
  const matcher = new Matcher(["*.log", "!keep.log", "tmp/"], ".dockerignore");
  expect(matcher.deciding("tmp/x/y")).toBe("tmp/");
  expect(matcher.deciding("keep.log")).toBeUndefined();
  expect(matcher.deciding("other.log")).toBe("*.log");
});

test("a malformed pattern is quoted with the file it stands in", () => {
  expect(() => new Matcher(["ok", "a["], ".dockerignore")).toThrow(
    'Cannot read the pattern "a[" in .dockerignore: the "[" is not closed',
  );
  expect(() => new Matcher(["!"])).toThrow('nothing follows "!"');
});

test("names that are not UTF-8 match a question mark a byte", () => {
  expect(new Matcher(["a?c"]).matches("a\udcffc")).toBe(true);
  expect(new Matcher(["**/\udcff"]).matches("x/\udcff")).toBe(true);
});
