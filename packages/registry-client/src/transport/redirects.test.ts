import { expect, test } from "vitest";
import { password, plainConfig, openHost, startServer } from "./server.suite.ts";
import { makeCertificate } from "./certificate.suite.ts";

const scopes = [{ repository: "acme/app", actions: ["pull"] as const }];

test.each([301, 302, 303, 307, 308])("a GET follows %i and says where the answer came from", async (status) => {
  await using server = await startServer((request, response) => {
    if (request.url === "/v2/there") response.end("found");
    else response.writeHead(status, { location: "there" }).end();
  });
  await using at = await openHost(server.host);
  const response = await at.host.send({ method: "GET", url: "v2/here", scopes });
  expect(Buffer.from(await response.read(100)).toString()).toBe("found");
  expect(response.url.pathname).toBe("/v2/there");
});

test("a loop of redirects ends with a clear error", async () => {
  await using server = await startServer((_, response) => response.writeHead(307, { location: "/v2/again" }).end());
  await using at = await openHost(server.host);
  await expect(at.host.send({ method: "GET", url: "v2/again", scopes })).rejects.toMatchObject({
    code: "INVALID_RESPONSE",
    message: expect.stringContaining("redirected more than 10 times"),
  });
  expect(server.requests).toHaveLength(11);
});

test.each(["a redirect", "a URL that the registry named"])(
  "credentials do not go with %s to another port",
  async (way) => {
    await using other = await startServer((_, response) => response.end("blob"));
    await using server = await startServer((request, response) => {
      if (request.headers.authorization === undefined)
        response.writeHead(401, { "www-authenticate": 'Basic realm="a"' }).end();
      else response.writeHead(307, { location: new URL("/blob", other.url).href }).end();
    });
    await using at = await openHost(server.host, { keychain: password("anna", "secret") });
    await (await at.host.send({ method: "GET", url: "v2/acme/app/blobs/x", scopes })).read(100);
    if (way !== "a redirect")
      await (await at.host.send({ method: "PUT", url: new URL("/upload", other.url), scopes })).read(100);
    expect(server.requests.at(-1)?.headers.authorization).toMatch(/^Basic /);
    expect(other.requests.length).toBeGreaterThan(0);
    for (const { headers } of other.requests) expect(headers.authorization).toBeUndefined();
  },
);

test("credentials go with a redirect on the same origin", async () => {
  await using server = await startServer((request, response) => {
    if (request.headers.authorization === undefined)
      response.writeHead(401, { "www-authenticate": 'Basic realm="a"' }).end();
    else if (request.url === "/v2/b") response.end("b");
    else response.writeHead(302, { location: "/v2/b" }).end();
  });
  await using at = await openHost(server.host, { keychain: password("anna", "secret") });
  await (await at.host.send({ method: "GET", url: "v2/a", scopes })).read(100);
  expect(server.requests.map(({ url }) => url)).toEqual(["/v2/a", "/v2/a", "/v2/b"]);
});

test("another host's 401 to a redirect gets neither credentials nor a token request", async () => {
  await using token = await startServer((_, response) => response.end('{"token":"t"}'));
  await using other = await startServer((_, response) =>
    response.writeHead(401, { "www-authenticate": `Bearer realm="${token.url.href}",service="s"` }).end(),
  );
  await using server = await startServer((_, response) => response.writeHead(307, { location: other.url.href }).end());
  await using at = await openHost(server.host, { keychain: password("anna", "secret") });
  await expect(at.host.send({ method: "GET", url: "v2/a", scopes })).rejects.toMatchObject({ code: "UNAUTHORIZED" });
  expect(token.requests).toEqual([]);
  expect(other.requests).toHaveLength(1);
});

test("https is never left for http, by redirect or by Location", async () => {
  const certificate = makeCertificate("127.0.0.1");
  await using plain = await startServer((_, response) => response.end("plain"));
  await using server = await startServer(
    (_, response) => response.writeHead(307, { location: plain.url.href }).end(),
    certificate,
  );
  await using at = await openHost(server.host, {
    endpoint: { plainHttp: "never" },
    hostConfig: plainConfig({ tls: () => Promise.resolve({ ca: [certificate.cert] }) }),
  });
  for (const url of ["v2/a", plain.url, new URL(`http://${server.host}/v2/a`)])
    await expect(at.host.send({ method: "GET", url, scopes })).rejects.toMatchObject({
      code: "UNSAFE_URL",
      message: expect.stringContaining("it would leave https"),
      hint: expect.stringContaining("X-Forwarded-Proto"),
    });
  expect(plain.requests).toEqual([]);
});

test.each([
  "http://169.254.169.254/latest",
  "http://10.0.0.1/",
  "http://[::ffff:10.0.0.1]/",
  "http://0.0.0.0/",
  "http://167772161/",
  "http://0x0a000001/",
  "http://[fd00::1]/",
  "http://224.0.0.1/",
])("a redirect from loopback to %s is refused", async (location) => {
  await using server = await startServer((_, response) => response.writeHead(302, { location }).end());
  await using at = await openHost(server.host);
  await expect(at.host.send({ method: "GET", url: "v2/a", scopes })).rejects.toMatchObject({ code: "UNSAFE_URL" });
});

test("a PUT is sent again with its whole body on 307, and not at all on 302", async () => {
  const bodies: string[] = [];
  await using server = await startServer(async (request, response) => {
    const chunks: string[] = [];
    for await (const chunk of request.setEncoding("utf8")) chunks.push(String(chunk));
    bodies.push(`${request.url} ${chunks.join("")}`);
    if (request.url === "/v2/a") response.writeHead(307, { location: "/v2/b" }).end();
    else if (request.url === "/v2/c") response.writeHead(302, { location: "/v2/b" }).end();
    else response.writeHead(201).end();
  });
  await using at = await openHost(server.host);
  const body = {
    size: 4,
    async *open() {
      yield Buffer.from("body");
    },
  };
  await (await at.host.send({ method: "PUT", url: "v2/a", body, scopes })).discard();
  await expect(at.host.send({ method: "PUT", url: "v2/c", body, scopes })).rejects.toMatchObject({
    code: "INVALID_RESPONSE",
  });
  expect(bodies).toEqual(["/v2/a body", "/v2/b body", "/v2/c body"]);
});
