import { inspect } from "node:util";
import { expect, test } from "vitest";
import { parseLoginKey } from "./credentials/auth-key.ts";
import { storeCredential } from "./credentials/store.ts";
import { openHost, password, startServer } from "./transport/server.suite.ts";

/* What must not be read in a log that everybody reads, and where credentials must not be led. */

const secret = "correct/horse";
const basic = Buffer.from(`anna:${secret}`).toString("base64");
const scopes = [{ repository: "acme/app", actions: ["pull"] }] as const;
const request = { method: "GET", url: "v2/acme/app/x", scopes } as const;
const failureOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "no failure",
    (error: unknown) => inspect(error, { depth: 9 }),
  );

test.each([secret, basic, JSON.stringify({ errors: [{ code: "DENIED", message: `who is ${secret}? ${basic}` }] })])(
  "a registry that shows what it was sent is not quoted with it: %s",
  async (body) => {
    await using server = await startServer((incoming, response) =>
      incoming.headers.authorization === undefined
        ? response.writeHead(401, { "www-authenticate": "Basic" }).end()
        : response.writeHead(403).end(body.replaceAll("/", body.startsWith("{") ? "\\/" : "/")),
    );
    await using at = await openHost(server.host, { keychain: password("anna", secret) });
    const failure = await failureOf(at.host.send(request));
    expect(failure).toContain("DENIED");
    for (const word of [secret, basic]) expect(failure).not.toContain(word);
  },
);

test("an answer of a token server that is no JSON is not quoted", async () => {
  await using server = await startServer((incoming, response) =>
    incoming.url?.startsWith("/token") === true
      ? response.end("token=t0psecret")
      : response.writeHead(401, { "www-authenticate": `Bearer realm="${server.url.href}token"` }).end(),
  );
  await using at = await openHost(server.host);
  const failure = await failureOf(at.host.send(request));
  expect(failure).toContain("holds no token");
  expect(failure).not.toContain("t0psecret");
});

test("a password that was typed into a name is not quoted", async () => {
  const stored = storeCredential("quay.io", { type: "password", username: "anna:hunter2", password: "" }, { env: {} });
  expect(await failureOf(stored)).toMatch(/^(?!.*hunter2).*user name with a colon/s);
  expect(() => parseLoginKey("https://anna:hunter2@quay.io/")).toThrow(/^(?!.*hunter2).*as a registry/s);
});

test("who is redirected to does not lead back with the registry's credentials", async () => {
  await using between = await startServer((_, response) =>
    response.writeHead(307, { location: `${server.url.href}v2/acme/other/manifests/v1` }).end(),
  );
  await using server = await startServer((incoming, response) => {
    if (incoming.url?.includes("other") === true) return response.end("ok");
    return incoming.headers.authorization === undefined
      ? response.writeHead(401, { "www-authenticate": "Basic" }).end()
      : response.writeHead(307, { location: between.url.href }).end();
  });
  await using at = await openHost(server.host, { keychain: password("anna", secret) });
  await (await at.host.send({ ...request, method: "DELETE" })).discard();
  const last = server.requests.at(-1);
  expect(last?.url).toBe("/v2/acme/other/manifests/v1");
  expect(last?.headers.authorization).toBeUndefined();
});

test("a challenge counts only from the registry itself", async () => {
  await using evil = await startServer((incoming, response) =>
    incoming.url === "/token"
      ? response.end('{"token":"t"}')
      : response.writeHead(401, { "www-authenticate": `Bearer realm="${evil.url.href}token"` }).end(),
  );
  await using server = await startServer((incoming, response) =>
    incoming.url === "/v2/"
      ? response.writeHead(307, { location: evil.url.href }).end()
      : response.writeHead(401).end(),
  );
  await using at = await openHost(server.host, { keychain: password("anna", secret) });
  await expect(at.host.send(request)).rejects.toMatchObject({ code: "UNAUTHORIZED" });
  expect(evil.requests.map(({ url }) => url)).toEqual(["/"]);
});

test("a redirect that cannot be followed lets its connection go", async () => {
  const closed = Promise.withResolvers<void>();
  await using server = await startServer((_, response) => {
    response.on("close", () => closed.resolve());
    response.writeHead(307, { location: "http://[" }).write("a body without end");
    const more = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(65_536)));
    };
    response.on("drain", more);
    more();
  });
  await using at = await openHost(server.host);
  await expect(at.host.send(request)).rejects.toMatchObject({ code: "INVALID_RESPONSE" });
  await closed.promise;
});
