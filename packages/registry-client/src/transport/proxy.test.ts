import { createServer, request as httpRequest } from "node:http";
import { connect } from "node:net";
import type { Duplex } from "node:stream";
import { expect, test } from "vitest";
import { makeCertificate } from "./certificate.suite.ts";
import { listen, openHost, password, plainConfig, startServer } from "./server.suite.ts";

/** A proxy that tunnels and forwards, and wants a password when `authorization` is given. */
async function startProxy(authorization?: string): Promise<AsyncDisposable & { url: URL; seen: string[] }> {
  const seen: string[] = [];
  const tunnels: Duplex[] = [];
  const server = createServer((incoming, response) => {
    seen.push(`${incoming.method} ${incoming.url}`);
    const { "proxy-authorization": _, ...headers } = incoming.headers;
    incoming.pipe(
      httpRequest(incoming.url ?? "", { method: incoming.method, headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      }),
    );
  });
  server.on("connect", (incoming, socket) => {
    seen.push(`CONNECT ${incoming.url} ${incoming.headers["proxy-authorization"] ?? ""}`.trim());
    if (authorization !== undefined && incoming.headers["proxy-authorization"] !== authorization) {
      socket.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
      return;
    }
    const [host, port] = (incoming.url ?? "").split(":");
    const onward = connect(Number(port), host, () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      onward.pipe(socket).pipe(onward);
    });
    for (const end of [onward, socket]) {
      end.on("error", () => undefined);
      tunnels.push(end);
    }
  });
  const port = await listen(server);
  return {
    url: new URL(`http://127.0.0.1:${port}/`),
    seen,
    async [Symbol.asyncDispose]() {
      for (const tunnel of tunnels) tunnel.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const request = { method: "GET", url: "v2/a", scopes: [{ repository: "a", actions: ["pull"] }] } as const;

test("a registry's own authority counts through a proxy too, and no other", async () => {
  const certificate = makeCertificate("127.0.0.1");
  await using server = await startServer((_, response) => response.end("ok"), certificate);
  await using proxy = await startProxy();
  const config = (ca: readonly string[]) =>
    plainConfig({ tls: () => Promise.resolve({ ca }), proxyFor: () => proxy.url });
  await using at = await openHost(server.host, {
    endpoint: { plainHttp: "never" },
    hostConfig: config([certificate.cert]),
  });
  expect(Buffer.from(await (await at.host.send(request)).read(10)).toString()).toBe("ok");
  expect(proxy.seen).toEqual([`CONNECT ${server.host}`]);

  await using without = await openHost(server.host, { endpoint: { plainHttp: "never" }, hostConfig: config([]) });
  await expect(without.host.send(request)).rejects.toMatchObject({ code: "CERTIFICATE" });
});

test("the proxy gets its own password, and the registry's does not leave the tunnel", async () => {
  const certificate = makeCertificate("127.0.0.1");
  await using server = await startServer((incoming, response) => {
    if (incoming.headers.authorization === undefined)
      response.writeHead(401, { "www-authenticate": 'Basic realm="a"' }).end();
    else response.end("ok");
  }, certificate);
  const authorization = `Basic ${Buffer.from("p:w").toString("base64")}`;
  await using proxy = await startProxy(authorization);
  const url = new URL(proxy.url);
  url.username = "p";
  url.password = "w";
  await using at = await openHost(server.host, {
    keychain: password("anna", "secret"),
    endpoint: { plainHttp: "never" },
    hostConfig: plainConfig({ tls: () => Promise.resolve({ ca: [certificate.cert] }), proxyFor: () => url }),
  });
  expect((await at.host.send(request)).status).toBe(200);
  for (const line of proxy.seen) expect(line).toBe(`CONNECT ${server.host} ${authorization}`);
  for (const { headers } of server.requests) expect(headers["proxy-authorization"]).toBeUndefined();
  expect(at.trace.join("\n")).not.toContain("w@");
});

test("plain HTTP is forwarded by the proxy", async () => {
  await using server = await startServer((_, response) => response.end("ok"));
  await using proxy = await startProxy();
  await using at = await openHost(server.host, { hostConfig: plainConfig({ proxyFor: () => proxy.url }) });
  expect(Buffer.from(await (await at.host.send(request)).read(10)).toString()).toBe("ok");
  expect(proxy.seen).toEqual([`GET http://${server.host}/v2/a`]);
});

test("a proxy that refuses is named as what refused", async () => {
  await using proxy = await startProxy("Basic other");
  await using at = await openHost("registry.example", {
    endpoint: { plainHttp: "never" },
    hostConfig: plainConfig({ proxyFor: () => proxy.url }),
  });
  await expect(at.host.send(request)).rejects.toMatchObject({
    code: "UNAVAILABLE",
    message: expect.stringContaining("407"),
  });
});

test("an upload through a proxy that takes no bytes ends", async () => {
  const certificate = makeCertificate("127.0.0.1");
  await using server = await startServer((incoming) => incoming.pause(), certificate);
  await using proxy = await startProxy();
  await using at = await openHost(server.host, {
    endpoint: { plainHttp: "never" },
    retries: { attempts: 1 },
    timeouts: { stall: 60 },
    hostConfig: plainConfig({ tls: () => Promise.resolve({ ca: [certificate.cert] }), proxyFor: () => proxy.url }),
  });
  const body = {
    size: 1e9,
    async *open() {
      for (;;) yield Buffer.alloc(1e6);
    },
  };
  await expect(at.host.send({ method: "PUT", url: "v2/a", body, scopes: [] })).rejects.toMatchObject({
    message: expect.stringContaining("no bytes were taken"),
  });
});
