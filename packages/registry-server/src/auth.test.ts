import { describe, expect, test } from "vitest";
import { z } from "zod";
import type { Auth } from "./auth.ts";
import { served, type Served } from "./served.suite.ts";

const check = (username: string, password: string): boolean => username === "ada" && password === "se:cret";
const basic = `Basic ${Buffer.from("ada:se:cret").toString("base64")}`;
const wrong = `Basic ${Buffer.from("ada:other").toString("base64")}`;

test("Basic lets in who is known, and nobody else", async () => {
  await using at = await served({ auth: { type: "basic", check } });
  const status = async (authorization?: string): Promise<number> =>
    (await at.ask("/v2/", authorization === undefined ? {} : { headers: { authorization } })).status;
  expect([await status(), await status(wrong), await status("Basic !"), await status(basic)]).toEqual([
    401, 401, 401, 200,
  ]);
});

const asked = async (
  { ask }: Served,
  path: string,
  bearer?: string,
  method = "GET",
): Promise<readonly [number, string | null]> => {
  const response = await ask(path, {
    method,
    ...(bearer === undefined ? {} : { headers: { authorization: `Bearer ${bearer}` } }),
  });
  return [response.status, response.headers.get("www-authenticate")];
};

const form = (password: string): RequestInit => ({
  method: "POST",
  body: new URLSearchParams({
    grant_type: "password",
    username: "ada",
    password,
    scope: "repository:acme/app:push",
  }),
});

describe("tokens", () => {
  const auth: Auth = { type: "token", check, allow: (user) => (user === undefined ? ["pull"] : ["pull", "push"]) };
  const answer = z.object({ token: z.string(), access_token: z.string(), expires_in: z.number() });

  async function token({ ask }: Served, scope: string, authorization?: string): Promise<string> {
    const response = await ask(
      `/token?service=registry&scope=${scope}`,
      authorization === undefined ? {} : { headers: { authorization } },
    );
    return answer.parse(await response.json()).token;
  }

  test("are asked for with the scope that is needed", async () => {
    await using at = await served({ auth });
    const realm = `Bearer realm="http://${at.host}/token",service="registry"`;
    expect(await asked(at, "/v2/")).toEqual([401, realm]);
    expect(await asked(at, "/v2/acme/app/manifests/1")).toEqual([401, `${realm},scope="repository:acme/app:pull"`]);
    expect(await asked(at, "/v2/acme/app/blobs/uploads/", undefined, "POST")).toEqual([
      401,
      `${realm},scope="repository:acme/app:pull,push"`,
    ]);
  });

  test("are good for what they were given for, and for no more than the user may", async () => {
    await using at = await served({ auth });
    const pull = await token(at, "repository:acme/app:pull,push");
    expect((await asked(at, "/v2/acme/app/manifests/1", pull))[0]).toBe(200);
    expect((await asked(at, "/v2/acme/other/manifests/1", pull))[1]).toContain("insufficient_scope");
    expect((await asked(at, "/v2/acme/app/blobs/uploads/", pull, "POST"))[0]).toBe(401);
    const push = await token(at, "repository:acme/app:pull,push", basic);
    expect((await asked(at, "/v2/acme/app/blobs/uploads/", push, "POST"))[0]).toBe(202);
    expect((await asked(at, "/v2/acme/app/manifests/1", push, "DELETE"))[0]).toBe(401);
  });

  test("do not let a blob be mounted from where they do not lead", async () => {
    await using at = await served({ auth });
    const mount = `/v2/acme/new/blobs/uploads/?mount=${at.layer.digest}&from=acme/app`;
    const only = await token(at, "repository:acme/new:pull,push", basic);
    expect((await asked(at, mount, only, "POST"))[0]).toBe(202);
    const both = await token(at, "repository:acme/new:pull,push&scope=repository:acme/app:pull", basic);
    expect((await asked(at, mount, both, "POST"))[0]).toBe(201);
  });

  test("are not given for a wrong password, by GET or by POST", async () => {
    await using at = await served({ auth });
    expect((await at.ask("/token?scope=repository:acme/app:pull", { headers: { authorization: wrong } })).status).toBe(
      401,
    );
    expect((await at.ask("/token", form("other"))).status).toBe(401);
    expect((await at.ask("/token", form("se:cret"))).status).toBe(200);
  });

  test("that ran out, or that somebody changed, are refused", async () => {
    await using at = await served({ auth: { ...auth, expiresIn: -1 } });
    const old = await token(at, "repository:acme/app:pull");
    expect((await asked(at, "/v2/acme/app/manifests/1", old))[1]).toContain("invalid_token");
    expect((await asked(at, "/v2/acme/app/manifests/1", `${old}x`))[0]).toBe(401);
    expect((await asked(at, "/v2/acme/app/manifests/1", "x"))[0]).toBe(401);
  });
});
