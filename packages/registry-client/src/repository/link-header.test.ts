import { casesIn } from "@lading/testkit";
import { expect, test } from "vitest";
import { z } from "zod";
import { nextPage } from "./link-header.ts";

const cases = casesIn("registry/http-headers.json", z.looseObject({ op: z.string(), case: z.unknown() }));
const next = cases.filter(({ op }) => op === "Link rel=next");
const links = cases.filter(({ op }) => op.startsWith("Link header"));

const nextCase = z.object({
  header: z.string(),
  url: z.string(),
  want: z.string().optional(),
  wantErr: z.boolean().optional(),
});
const linkCase = z.object({ headers: z.array(z.string()), expectURI: z.string().optional() });

test.runIf(next.length > 0)("the next page is found where other clients find it, and never at another origin", () => {
  for (const { case: input } of next) {
    const { header, url, want, wantErr } = nextCase.parse(input);
    const follow = (): string | undefined => nextPage(header, new URL(url))?.href;
    if (wantErr === true) expect(follow, header).toThrow();
    else expect(follow()).toBe(want);
  }
});

test.runIf(links.length > 0)("links are parsed as RFC 8288 has them", () => {
  const page = new URL("https://registry.example/v2/");
  for (const { case: input } of links) {
    const { headers, expectURI } = linkCase.parse(input);
    const follow = (): string | undefined => nextPage(headers.join(", "), page)?.pathname;
    if (expectURI === undefined) expect(follow, headers.join()).toThrow();
    else expect(follow()).toBe(expectURI);
  }
});

const page = new URL("https://registry.example/v2/a/tags/list?n=2");

test.each([
  ["</v2/a/tags/list?last=b&n=2>; rel=next", "/v2/a/tags/list?last=b&n=2"],
  ['<list?last=b>; title="a, b; c"; rel="prev next"', "/v2/a/tags/list?last=b"],
  ['<https://registry.example:443/x>; REL="NEXT"', "/x"],
  ['</prev>; rel=prev, </next>; rel="next"', "/next"],
])("%s leads to %s", (header, path) => {
  const url = nextPage(header, page);
  expect(`${url?.pathname}${url?.search}`).toBe(path);
});

test("no link, and none that says next, ends the list", () => {
  expect(nextPage(undefined, page)).toBeUndefined();
  expect(nextPage("", page)).toBeUndefined();
  expect(nextPage('</prev>; rel="prev"; rel="next"', page)).toBeUndefined();
});

test.each([
  "<http://registry.example/x>; rel=next",
  "<//evil.example/x>; rel=next",
  "<https://registry.example:8443/x>; rel=next",
])("%s is another origin", (header) => {
  expect(() => nextPage(header, page)).toThrow(/another origin/);
});
