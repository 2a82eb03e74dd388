import { expect, test } from "vitest";
import { openHost, password, startServer, type TestServer } from "./server.suite.ts";

const scopes = [{ repository: "acme/app", actions: ["pull", "push"] as const }];

function challenge(server: () => TestServer): string {
  return `Bearer realm="${new URL("token", server().url).href}",service="registry"`;
}

/** A registry with a token server; each token is good for so many requests. */
async function startTokenRegistry(
  uses: number,
  where: "everywhere" | "root",
): Promise<TestServer & { tokens(): number }> {
  let tokens = 0;
  let used = 0;
  const server: TestServer = await startServer(async (request, response) => {
    request.resume();
    if (request.url?.startsWith("/token") === true) {
      tokens += 1;
      used = 0;
      response.end(JSON.stringify({ token: `t${tokens}`, expires_in: 3600 }));
      return;
    }
    used += 1;
    const good = request.headers.authorization === `Bearer t${tokens}` && used <= uses;
    if (good) {
      request.on("end", () => response.writeHead(201).end("ok"));
      return;
    }
    const asks = where === "everywhere" || request.url === "/v2/";
    response.writeHead(401, asks ? { "www-authenticate": challenge(() => server) } : {}).end();
  });
  return { ...server, tokens: () => tokens, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

test("a token that ran out is replaced, and the body sent again from the start", async () => {
  await using server = await startTokenRegistry(2, "everywhere");
  await using at = await openHost(server.host);
  let opened = 0;
  const body = {
    size: 4,
    async *open() {
      opened += 1;
      yield Buffer.from("body");
    },
  };
  for (let count = 0; count < 4; count += 1)
    await (await at.host.send({ method: "PUT", url: "v2/acme/app/x", body, scopes })).read(100);
  expect(server.tokens()).toBe(2);
  expect(opened).toBe(6);
  expect(at.clock.waits).toEqual([]);
});

test("a challenge that stands at the root of the API only is found there", async () => {
  await using server = await startTokenRegistry(100, "root");
  await using at = await openHost(server.host);
  const response = await at.host.send({ method: "GET", url: "v2/acme/app/tags/list", scopes });
  expect(response.status).toBe(201);
  expect(server.requests.map(({ url }) => url.replace(/\?.*/, ""))).toEqual([
    "/v2/acme/app/tags/list",
    "/v2/",
    "/token",
    "/v2/acme/app/tags/list",
  ]);
});

test("a registry that takes no token is not asked for ever", async () => {
  await using server = await startTokenRegistry(0, "everywhere");
  await using at = await openHost(server.host, { keychain: password("anna", "secret") });
  await expect(at.host.send({ method: "GET", url: "v2/a", scopes })).rejects.toMatchObject({ code: "UNAUTHORIZED" });
  expect(server.tokens()).toBeLessThan(5);
});

test("wrong credentials are said to be so, and where they come from; no secret is shown", async () => {
  await using server = await startServer((_, response) =>
    response
      .writeHead(401, { "www-authenticate": 'Basic realm="a"' })
      .end('{"errors":[{"code":"UNAUTHORIZED","message":"no"}]}'),
  );
  await using at = await openHost(server.host, { keychain: password("anna", "secret") });
  const error: unknown = await at.host.send({ method: "GET", url: "v2/a", scopes }).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({
    code: "UNAUTHORIZED",
    status: 401,
    hint: expect.stringContaining("a test"),
    message: `GET ${server.url.href}v2/a: 401 UNAUTHORIZED: no`,
  });
  expect(at.trace.join("\n")).not.toMatch(/secret|YW5uYTpzZWNyZXQ/);
});

test("a redirect of the token server gets no password", async () => {
  await using other = await startServer((_, response) => response.end('{"token":"t1"}'));
  await using server: TestServer = await startServer((request, response) => {
    if (request.url?.startsWith("/token") === true) response.writeHead(307, { location: other.url.href }).end();
    else if (request.headers.authorization === undefined)
      response.writeHead(401, { "www-authenticate": challenge(() => server) }).end();
    else response.end("ok");
  });
  await using at = await openHost(server.host, { keychain: password("anna", "secret") });
  await (await at.host.send({ method: "GET", url: "v2/a", scopes })).read(100);
  expect(server.requests[1]?.headers.authorization).toMatch(/^Basic /);
  expect(other.requests).toHaveLength(1);
  expect(other.requests[0]?.headers.authorization).toBeUndefined();
});

test.each(["http://169.254.169.254/token", "http://10.0.0.1/token", "https://[fd00::1]/token"])(
  "a realm at %s is not asked",
  async (realm) => {
    await using server = await startServer((_, response) =>
      response.writeHead(401, { "www-authenticate": `Bearer realm="${realm}",service="s"` }).end(),
    );
    await using at = await openHost(server.host, { keychain: password("anna", "secret") });
    await expect(at.host.send({ method: "GET", url: "v2/a", scopes })).rejects.toMatchObject({ code: "UNSAFE_URL" });
  },
);

test("an answer of a token server without end is not read to it", async () => {
  await using server: TestServer = await startServer((request, response) => {
    if (request.url?.startsWith("/token") !== true)
      response.writeHead(401, { "www-authenticate": challenge(() => server) }).end();
    else {
      const fill = (): void => {
        while (response.write("x".repeat(65_536)) && !response.destroyed);
      };
      response.on("drain", fill);
      fill();
    }
  });
  await using at = await openHost(server.host);
  await expect(at.host.send({ method: "GET", url: "v2/a", scopes })).rejects.toMatchObject({
    code: "INVALID_RESPONSE",
  });
});
