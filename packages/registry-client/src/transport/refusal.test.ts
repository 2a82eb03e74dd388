import { cases, casesIn } from "@lading/testkit";
import { expect, test } from "vitest";
import { z } from "zod";
import type { RegistryError } from "../errors.ts";
import { refusalError } from "./refusal.ts";

function refusal(
  status: number,
  body: unknown,
  {
    headers = {},
    registry = "r.example",
    authenticated = false,
  }: { headers?: Record<string, string>; registry?: string; authenticated?: boolean } = {},
): RegistryError {
  return refusalError({
    what: "GET https://r.example/v2/acme/app/manifests/1",
    registry,
    status,
    header: (name) => headers[name],
    body: Buffer.from(typeof body === "string" ? body : JSON.stringify(body)),
    now: 0,
    authenticated,
    help: undefined,
  });
}

const says = (code: string, message = "text of the registry", detail?: unknown): unknown => ({
  errors: [{ code, message, ...(detail === undefined ? {} : { detail }) }],
});

test("the message says what was attempted, and the registry's code and text", () => {
  expect(refusal(403, says("DENIED"))).toMatchObject({
    code: "DENIED",
    message: "GET https://r.example/v2/acme/app/manifests/1: 403 DENIED: text of the registry",
    hint: expect.stringContaining("lading login r.example"),
    messages: [{ code: "DENIED", message: "text of the registry" }],
  });
});

test.each([
  [400, "UNSUPPORTED", "UNSUPPORTED"],
  [400, "MANIFEST_INVALID", "REFUSED"],
  [401, "UNAUTHORIZED", "UNAUTHORIZED"],
  [402, "QUOTA", "DENIED"],
  [403, "TOOMANYREQUESTS", "RATE_LIMITED"],
  [404, "MANIFEST_UNKNOWN", "NOT_FOUND"],
  [405, "UNSUPPORTED", "UNSUPPORTED"],
  [405, "DENIED", "DENIED"],
  [409, "TAG_ALREADY_EXISTS", "REFUSED"],
  [413, "SIZE_INVALID", "REFUSED"],
  [416, "RANGE_INVALID", "REFUSED"],
  [429, "TOOMANYREQUESTS", "RATE_LIMITED"],
  [501, "UNSUPPORTED", "UNSUPPORTED"],
  [503, "UNAVAILABLE", "UNAVAILABLE"],
  [304, "", "INVALID_RESPONSE"],
])("%i %s is %s", (status, said, code) => {
  expect(refusal(status, says(said)).code).toBe(code);
});

test("Docker Hub's 401 is said to be both things that it may be", () => {
  const error = refusal(401, says("UNAUTHORIZED", "authentication required"), { registry: "docker.io" });
  expect(error.message).toContain("no such repository, or no access to it");
  expect(error.hint).toContain("lading login docker.io");
});

test("a rate limit shows what Docker Hub's headers say of it", () => {
  const error = refusal(429, says("TOOMANYREQUESTS", "You have reached your pull rate limit"), {
    headers: { "ratelimit-limit": "100;w=21600", "ratelimit-remaining": "0;w=21600", "retry-after": "30" },
  });
  expect(error).toMatchObject({
    code: "RATE_LIMITED",
    transient: true,
    retryAfter: 30_000,
    message: expect.stringContaining("(limit 100;w=21600, remaining 0;w=21600)"),
    hint: expect.stringContaining("Logged-in users"),
  });
});

test("an HTML page is named by its title, and doubted to be a registry's", () => {
  const page = `<!DOCTYPE html><html><head><title>Welcome to\n<b>nginx</title></head>${"x".repeat(70_000)}`;
  const error = refusal(404, page.slice(0, 65_536), { headers: { "content-type": "text/html" } });
  expect(error.message).toMatch(/: 404 Not Found: an HTML page/);
  expect(error.message.length).toBeLessThan(300);
  expect(error.hint).toBe("Is r.example a registry?");
});

test.each([
  "plain text\r\nwith \u001b[31mcolours",
  "HAP429",
  "",
  "{",
  '{"errors":null}',
  '{"errors":[null]}',
  "[]",
  "\u0000\u0000",
])("a body that is no error document (%j) makes a message on one line", (body) => {
  const error = refusal(500, body);
  expect(error.message).toMatch(/^GET https:\/\/r\.example\/v2\/acme\/app\/manifests\/1: 500 Internal Server Error/);
  expect(error.message).not.toMatch(/\p{Cc}/u);
});

test("codes and messages of odd types are read as far as they go", () => {
  const error = refusal(404, {
    errors: [{ code: 404, message: { a: 1 } }, {}, { message: "x".repeat(1000), detail: [1] }],
  });
  expect(error.messages.map(({ code }) => code)).toEqual(["404", "UNKNOWN", "UNKNOWN"]);
  expect(error.message.length).toBeLessThan(500);
});

test.runIf(cases !== undefined)("answers recorded from registries are read", () => {
  const all = casesIn("registry/error-responses.json", z.object({ name: z.string(), response: z.string() }).loose());
  expect(all).not.toEqual([]);
  for (const { response } of all) {
    const [head = "", ...rest] = response.split("\r\n\r\n");
    const [line = "", ...lines] = head.split("\r\n");
    const headers = Object.fromEntries(
      lines.map((text) => [text.slice(0, text.indexOf(":")).toLowerCase(), text.slice(text.indexOf(":") + 1).trim()]),
    );
    const status = Number(line.split(" ")[1]);
    const error = refusal(status, rest.join("\r\n\r\n"), { headers });
    if (status === 404) expect(error.code).toBe("NOT_FOUND");
    if (status === 401) expect(error.code).toBe("UNAUTHORIZED");
    if (status === 333) expect(error.code).toBe("INVALID_RESPONSE");
    expect(error.message).not.toContain("\n");
  }
});
