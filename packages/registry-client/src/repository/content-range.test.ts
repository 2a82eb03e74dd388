import { casesIn } from "@lading/testkit";
import { expect, test } from "vitest";
import { z } from "zod";
import { parseContentRange, parseUploadRange } from "./content-range.ts";

const contentRanges = casesIn(
  "registry/http-headers.json",
  z.looseObject({ op: z.string(), group: z.string().nullish(), case: z.unknown() }),
).filter(({ op }) => op === "Content-Range response parse");

const valid = z.object({ in: z.string(), first: z.number(), last: z.number(), completeLength: z.number() });

test.runIf(contentRanges.length > 0)("Content-Range is read as other clients read it", () => {
  for (const { group, case: input } of contentRanges)
    if (group === "valid") {
      const { in: header, first, last, completeLength } = valid.parse(input);
      const total = completeLength === -1 ? undefined : completeLength;
      expect(parseContentRange(header)).toEqual({ first, last, total });
    } else if (group === "invalid") {
      expect(parseContentRange(z.string().parse(input))).toBeUndefined();
    }
});

test("a Content-Range that is absent, sent twice or impossible is none", () => {
  for (const header of [undefined, "", "bytes 1-2/3, bytes 1-2/3", "bytes 5-4/10", "bytes 0-10/10", "bytes */10"])
    expect(parseContentRange(header)).toBeUndefined();
});

test.each([
  ["0-0", 0],
  ["0--1", 0],
  ["bytes=0--1", 0],
  ["bytes=0-99", 100],
  ["bytes 0-99", 100],
  ["0-99", 100],
  [" 0-1048575 ", 1_048_576],
])("Range %j of an upload means %d bytes", (header, count) => {
  expect(parseUploadRange(header)).toBe(count);
});

test("a Range that does not begin at 0 says nothing", () => {
  for (const header of [undefined, "", "5-9", "0-", "x", "0-1-2", "bytes=0-1,5-6"])
    expect(parseUploadRange(header)).toBeUndefined();
});
