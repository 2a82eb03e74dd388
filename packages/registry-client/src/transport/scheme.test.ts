import { createServer } from "node:net";
import { expect, test } from "vitest";
import { makeCertificate } from "./certificate.suite.ts";
import { listen, openHost, plainConfig, startServer } from "./server.suite.ts";

const request = { method: "GET", url: "v2/a", scopes: [] } as const;
const fallback = { endpoint: { plainHttp: "fallback" } } as const;

test("a host that speaks no TLS is asked by plain HTTP, where that is allowed", async () => {
  await using server = await startServer((_, response) => response.end("ok"));
  await using at = await openHost(server.host, fallback);
  const answers = await Promise.all([at.host.send(request), at.host.send(request)]);
  for (const answer of answers) expect(answer.status).toBe(200);
  expect(at.host.base.href).toBe(server.url.href);
  expect(server.requests).toHaveLength(2);
});

test("a host that speaks TLS is asked by it", async () => {
  const certificate = makeCertificate("127.0.0.1");
  await using server = await startServer((_, response) => response.end("ok"), certificate);
  await using at = await openHost(server.host, {
    ...fallback,
    hostConfig: plainConfig({ tls: (host) => Promise.resolve(host === server.host ? { ca: [certificate.cert] } : {}) }),
  });
  expect((await at.host.send(request)).status).toBe(200);
  expect(at.host.base.protocol).toBe("https:");
});

test("a certificate that does not verify is an error, and no reason for plain HTTP", async () => {
  await using server = await startServer((_, response) => response.end("ok"), makeCertificate("127.0.0.1"));
  await using at = await openHost(server.host, fallback);
  await expect(at.host.send(request)).rejects.toMatchObject({
    code: "CERTIFICATE",
    transient: false,
    hint: `Put the authority's certificate at /etc/containers/certs.d/${server.host}/ca.crt, or skip the check with --tls-verify=false`,
  });
  expect(server.requests).toEqual([]);
});

test("a certificate of another host is an error", async () => {
  const certificate = makeCertificate("other.example");
  await using server = await startServer((_, response) => response.end("ok"), certificate);
  await using at = await openHost(server.host, {
    endpoint: { plainHttp: "never" },
    hostConfig: plainConfig({ tls: () => Promise.resolve({ ca: [certificate.cert] }) }),
  });
  await expect(at.host.send(request)).rejects.toMatchObject({ code: "CERTIFICATE" });
});

test("the certificate is not checked where that is asked for", async () => {
  await using server = await startServer((_, response) => response.end("ok"), makeCertificate("127.0.0.1"));
  await using at = await openHost(server.host, { endpoint: { plainHttp: "never", verifyTls: false } });
  expect((await at.host.send(request)).status).toBe(200);
});

test("a host that speaks no TLS is an error where plain HTTP is not allowed", async () => {
  await using server = await startServer((_, response) => response.end("ok"));
  await using at = await openHost(server.host, { endpoint: { plainHttp: "never" } });
  await expect(at.host.send(request)).rejects.toMatchObject({
    code: "UNAVAILABLE",
    message: expect.stringContaining("does not speak TLS"),
  });
  expect(server.requests).toEqual([]);
});

test("a host that breaks off the TLS handshake is no host without TLS", async () => {
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.resetAndDestroy();
  });
  const port = await listen(server);
  await using at = await openHost(`127.0.0.1:${port}`, fallback);
  await expect(at.host.send(request)).rejects.toMatchObject({ code: "UNAVAILABLE" });
  expect(at.host.base.protocol).toBe("https:");
  expect(connections).toBe(6);
  server.close();
});

test("an abort does not wait for a host that says nothing to the TLS handshake", async () => {
  const server = createServer((socket) => socket.on("error", () => undefined));
  const port = await listen(server);
  await using at = await openHost(`127.0.0.1:${port}`, fallback);
  const abort = new AbortController();
  const reason = new Error("enough");
  server.on("connection", () => abort.abort(reason));
  await expect(at.host.send({ ...request, signal: abort.signal })).rejects.toBe(reason);
  server.close();
});
