import { expect, test } from "vitest";
import { answer, failing, type Intercept, servedRepository } from "./served.suite.ts";

const isTags = ({ operation }: Parameters<Intercept>[0]): boolean => operation === "tags";

async function tagsOf(intercept: Intercept): Promise<readonly string[]> {
  await using served = await servedRepository(failing(isTags, intercept));
  const tags: string[] = [];
  for await (const tag of served.repository.tags()) tags.push(tag);
  return tags;
}

const list = (tags: unknown): string => JSON.stringify({ name: "acme/app", tags });

/** Pages of tags, each with the Link that `link` writes to the next. */
function paged(pages: readonly (readonly string[])[], link: (next: string, host: string) => string): Intercept {
  return async ({ url, headers }, { response }) => {
    const page = Number(/page=(\d+)/.exec(url)?.[1] ?? 0);
    const next =
      page + 1 < pages.length ? { link: link(`/v2/acme/app/tags/list?page=${page + 1}`, headers.host ?? "") } : {};
    response.writeHead(200, next).end(list(pages[page]));
  };
}

test.each([
  ["relative", (next: string) => `<${next}>; rel="next"`],
  ["absolute", (next: string, host: string) => `<http://${host}${next}>; rel="next"`],
  ["without quotes", (next: string) => `<${next}>; rel=next`],
  ["among others", (next: string) => `</x>; rel="first", <${next}>; rel="next"; title="a, b"`],
])("tags of all pages come, by a Link that is %s", async (_what, link) => {
  expect(await tagsOf(paged([["a", "b"], ["b", "c"], [], ["d"]], link))).toEqual(["a", "b", "c", "d"]);
});

test.each([
  ["of another host", "<http://evil.example/v2/acme/app/tags/list>; rel=next", "UNSAFE_URL"],
  ["to itself", "</v2/acme/app/tags/list?n=1000>; rel=next", "INVALID_RESPONSE"],
  ["that is malformed", "</v2/acme", "INVALID_RESPONSE"],
])("a Link %s ends the list with an error", async (_what, link, code) => {
  await expect(tagsOf(answer(200, { link }, list(["a"])))).rejects.toMatchObject({ code });
});

test("pages that never end are given up", async () => {
  let page = 0;
  const endless: Intercept = async (_request, { response }) => {
    page += 1;
    response.writeHead(200, { link: `</v2/acme/app/tags/list?page=${page}>; rel=next` }).end(list(["a"]));
  };
  await expect(tagsOf(endless)).rejects.toThrow(/more than 10000 pages/);
}, 60_000);

test("pages that are too much together are given up, each as large as it may be", async () => {
  let page = 0;
  const full = Buffer.from(list(["a"]).padEnd(30 * 1024 * 1024));
  const endless: Intercept = async (_request, { response }) => {
    page += 1;
    response.writeHead(200, { link: `</v2/acme/app/tags/list?page=${page}>; rel=next` }).end(full);
  };
  await expect(tagsOf(endless)).rejects.toThrow(/more than 134217728 bytes together/);
});

test.each([
  ["null", null, []],
  ["nulls, numbers and digests", ["a", null, 5, `sha256:${"0".repeat(64)}`, "", "a", "b/c"], ["a"]],
])("a list of %s is read for what it holds", async (_what, tags, expected) => {
  expect(await tagsOf(answer(200, {}, list(tags)))).toEqual(expected);
});

const refusing: Intercept = async (request, raw, next) =>
  (request.url.includes("n=") ? answer(400) : answer(200, {}, list(["a"])))(request, raw, next);

test("a registry that refuses n is asked without", async () => {
  expect(await tagsOf(refusing)).toEqual(["a"]);
});

test.each([
  ["no list", "{}"],
  ["a web page", "<html>"],
  ["nothing", ""],
])("an answer that is %s is none that a registry may give", async (_what, body) => {
  await expect(tagsOf(answer(200, {}, body))).rejects.toMatchObject({ code: "INVALID_RESPONSE" });
});

test("a repository that is not there is NOT_FOUND", async () => {
  await expect(tagsOf(answer(404))).rejects.toMatchObject({ code: "NOT_FOUND" });
});
