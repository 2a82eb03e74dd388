import { cases, casesIn } from "@lading/testkit";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { RegistryError } from "../errors.ts";
import type { FoundCredential } from "./credential.ts";
import { basicHeader, fetchToken, parseToken, type TokenRequest } from "./token.ts";
import { type Asked, httpTokenFetch, startTokenServer, type TokenAnswer } from "./token-server.suite.ts";

const password = (username: string, secret: string): FoundCredential => ({
  credential: { type: "password", username, password: secret },
  from: "auths of a file",
});
const identity: FoundCredential = { credential: { type: "identity", token: "refresh-me" }, from: "a helper" };
const azure = password("00000000-0000-0000-0000-000000000000", "azure-refresh");
const basic = (text: string): string => `Basic ${Buffer.from(text).toString("base64")}`;

async function ask(
  answer: (asked: Asked) => TokenAnswer,
  request: Partial<TokenRequest> = {},
): Promise<{ asked: readonly Asked[]; token?: Awaited<ReturnType<typeof fetchToken>>; error?: RegistryError }> {
  await using server = await startTokenServer(answer);
  const all = { registry: "r.test", service: "r.test", scopes: ["repository:a:pull"], found: undefined, ...request };
  try {
    const token = await fetchToken({ ...all, realm: server.realm }, httpTokenFetch);
    return { asked: server.asked, token };
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    return { asked: server.asked, error };
  }
}

const tokenCase = z.object({
  op: z.string(),
  case: z.object({
    input: z.string(),
    expected: z.object({ token: z.string(), expirationTime: z.string() }).nullable(),
  }),
});

test.runIf(cases !== undefined)("parseToken() agrees with containers/image", () => {
  const tried = casesIn("registry/http-headers.json", z.unknown()).flatMap((given) => {
    const parsed = tokenCase.safeParse(given);
    return parsed.success && parsed.data.op === "token response parse" ? [parsed.data.case] : [];
  });
  expect(tried.length).toBeGreaterThan(2);
  for (const { input, expected } of tried) {
    const body = new TextEncoder().encode(input);
    if (expected === null) {
      expect(() => parseToken(body)).toThrow();
      continue;
    }
    const { token, issuedAt, lifetime } = parseToken(body);
    expect(token).toBe(expected.token);
    expect((issuedAt?.getTime() ?? 0) + lifetime * 1000).toBe(Date.parse(expected.expirationTime));
  }
});

const parse = (document: unknown): unknown => parseToken(new TextEncoder().encode(JSON.stringify(document)));

describe("parseToken()", () => {
  test("takes either name of the token, and 60 s where no lifetime is given", () => {
    expect(parse({ access_token: "a" })).toEqual({ token: "a", lifetime: 60 });
    expect(parse({ token: "", access_token: "a", expires_in: "300" })).toEqual({ token: "a", lifetime: 300 });
    expect(parse({ token: "t", access_token: "a", expires_in: -5, issued_at: "soon" })).toEqual({
      token: "t",
      lifetime: 60,
    });
  });

  test.each([{}, [], null, "t", { token: 1 }, { token: "" }, { token: "a\r\nX: y" }, { token: "ü" }])(
    "refuses %j",
    (document) => {
      expect(() => parse(document)).toThrow();
    },
  );

  test("throws or gives a token that fits into a header, whatever comes", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (body) => {
        try {
          expect(parseToken(body).token).toMatch(/^[\x21-\x7e]+$/);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }),
    );
  });
});

test("fetchToken() asks anonymously, with one parameter for each scope", async () => {
  const scopes = ["repository:a:pull,push", "repository:b:pull"];
  const { asked, token } = await ask(() => ({ json: { token: "t", expires_in: 90 } }), { scopes });
  expect(token).toEqual({ token: "t", lifetime: 90, age: 0 });
  expect(asked).toMatchObject([{ method: "GET", authorization: undefined, service: "r.test", scopes }]);
});

test("fetchToken() keeps the realm's own query and sends the user along", async () => {
  const { asked } = await ask(() => ({ json: { token: "t" } }), { found: password("ns+robot", "p:ä") });
  expect(asked).toMatchObject([{ authorization: basic("ns+robot:p:ä"), account: "ns+robot", own: "kept" }]);
});

test("fetchToken() tells the age of a token by the token server's clock", async () => {
  const { token } = await ask(() => ({
    json: { token: "t", expires_in: 300, issued_at: "2001-01-01T00:00:00Z" },
    headers: { date: "Mon, 01 Jan 2001 00:01:40 GMT" },
  }));
  expect(token).toMatchObject({ lifetime: 300, age: 100 });
});

test("fetchToken() exchanges an identity token by POST, with scopes joined", async () => {
  const scopes = ["repository:a:pull", "repository:b:pull"];
  const { asked, token } = await ask(() => ({ json: { access_token: "t", refresh_token: "next" } }), {
    found: identity,
    scopes,
  });
  expect(token).toMatchObject({ token: "t", refreshToken: "next" });
  expect(asked).toMatchObject([
    {
      method: "POST",
      authorization: undefined,
      service: "r.test",
      grant: "refresh_token",
      refreshToken: "refresh-me",
      scopes: ["repository:a:pull repository:b:pull"],
    },
  ]);
});

test.each([400, 401, 404, 405])(
  "fetchToken() falls back to GET with the password when POST is answered %i",
  async (status) => {
    const { asked, token } = await ask(({ method }) => (method === "POST" ? { status } : { json: { token: "t" } }), {
      found: azure,
    });
    expect(token?.token).toBe("t");
    expect(asked).toMatchObject([
      { method: "POST", refreshToken: "azure-refresh" },
      { method: "GET", authorization: basic("00000000-0000-0000-0000-000000000000:azure-refresh") },
    ]);
  },
);

test("fetchToken() does not go on anonymously when an identity token is refused", async () => {
  const { asked, error } = await ask(() => ({ status: 401 }), { found: identity });
  expect(asked).toHaveLength(1);
  expect(error).toMatchObject({ code: "UNAUTHORIZED", hint: expect.stringContaining("come from a helper") });
});

test("fetchToken() asks for everything where deletion is an unknown right", async () => {
  const { asked, token } = await ask(
    ({ scopes }) => (scopes.some((scope) => scope.includes("delete")) ? { status: 400 } : { json: { token: "t" } }),
    { scopes: ["repository:a/b:delete,pull,push"] },
  );
  expect(token?.token).toBe("t");
  expect(asked[1]).toMatchObject({ scopes: ["repository:a/b:*"] });
});

test("fetchToken() names the source of wrong credentials, and no secret that comes back", async () => {
  const { error } = await ask(
    ({ authorization }) => ({
      status: 401,
      json: { errors: [{ code: "UNAUTHORIZED", message: `no ${authorization ?? ""} hunter2\n` }] },
    }),
    { found: password("me", "hunter2") },
  );
  expect(error).toMatchObject({ code: "UNAUTHORIZED", status: 401 });
  expect(error?.message).toMatch(
    /^Cannot get a token for repository:a:pull of "r.test" from http:\/\/127\.0\.0\.1:\d+\/token: HTTP 401, UNAUTHORIZED: no /,
  );
  expect(error?.hint).toMatch(
    "The credentials come from auths of a file. Wrong ones are refused for public images too",
  );
  for (const text of [error?.message, JSON.stringify(error?.messages)]) {
    expect(text).not.toContain("hunter2");
    expect(text).not.toContain(Buffer.from("me:hunter2").toString("base64"));
  }
});

test.each([
  [429, { "retry-after": "7" }, { code: "RATE_LIMITED", transient: true, retryAfter: 7000 }],
  [503, {}, { code: "UNAVAILABLE", transient: true, retryAfter: undefined }],
  [401, {}, { code: "UNAUTHORIZED", transient: false, hint: 'Use "lading login r.test"' }],
  [403, {}, { code: "DENIED", transient: false }],
  [404, {}, { code: "INVALID_RESPONSE", transient: false }],
  [302, {}, { code: "REFUSED", transient: false }],
] as const)("fetchToken() tells what HTTP %i means", async (status, headers, expected) => {
  const { error } = await ask(() => ({ status, headers }));
  expect(error).toMatchObject({ ...expected, status });
});

test.each(["<html>", "{}", "null", "", `{"token":"${"x".repeat(300_000)}"}`])(
  "fetchToken() refuses an answer without a token (%#)",
  async (text) => {
    const { error } = await ask(() => ({ text }));
    expect(error).toMatchObject({ code: "INVALID_RESPONSE" });
  },
);

test("basicHeader() refuses a user name that would be taken for something else", () => {
  expect(() => basicHeader(password("a:b", "c"))).toThrow(RegistryError);
  expect(basicHeader(identity)).toBeUndefined();
});
