import { createServer, type IncomingMessage, request as httpRequest, type ServerResponse } from "node:http";
import { connect, type Socket } from "node:net";
import { inspect } from "node:util";
import { expect, test } from "vitest";
import { RegistryClient, type RegistryClientOptions } from "../client.ts";
import { makeCertificate } from "../transport/certificate.suite.ts";
import { listen, noCredentials, password, plainConfig, startServer, TestClock } from "../transport/server.suite.ts";
import type { WebFileOptions } from "./web-host.ts";

const text = "0123456789".repeat(20_000);

/** What a URL gives, as text. */
async function get(
  url: string | URL,
  options: WebFileOptions = {},
  client: RegistryClientOptions = {},
): Promise<{ readonly text: string; readonly lastModified?: number | undefined } | undefined> {
  const common = { hostConfig: plainConfig(), keychain: noCredentials, retries: new TestClock() };
  await using opened = await RegistryClient.open({ ...common, ...client });
  const file = await opened.file(url, options);
  if (file === undefined) return undefined;
  const chunks: Uint8Array[] = [];
  for await (const chunk of file.bytes) chunks.push(Buffer.from(chunk));
  return { text: Buffer.concat(chunks).toString(), lastModified: file.lastModified };
}

/** Sends the rest that is asked for, but only up to `end`. */
function sendPart(
  request: IncomingMessage,
  response: ServerResponse,
  headers: Record<string, string>,
  end = text.length,
): void {
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
  const range = start === 0 ? {} : { "content-range": `bytes ${start}-${text.length - 1}/${text.length}` };
  response.writeHead(start === 0 ? 200 : 206, { ...headers, ...range, "content-length": text.length - start });
  if (end === text.length) response.end(text.slice(start));
  else response.write(text.slice(start, end), () => response.destroy());
}

test("a file comes with what the server says of it, redirects followed, and asks for it as Lading", async () => {
  await using server = await startServer((request, response) => {
    if (request.url === "/old") response.writeHead(302, { location: "/new?x=1" }).end();
    else response.writeHead(200, { "last-modified": "Thu, 01 Jan 1970 00:01:17 GMT" }).end("content");
  });
  expect(await get(new URL("old#fragment", server.url), {}, { userAgent: "lading/1" })).toEqual({
    text: "content",
    lastModified: 77,
  });
  expect(server.requests.map(({ method, url }) => `${method} ${url}`)).toEqual(["GET /old", "GET /new?x=1"]);
  expect(server.requests[0]?.headers).toMatchObject({ "user-agent": "lading/1", "accept-encoding": "identity" });
});

test("nothing of a query is told of a file of the web: in no error, retry or trace, also where it leads", async () => {
  await using server = await startServer((request, response) => {
    if (request.url?.startsWith("/led") === true)
      response.writeHead(302, { location: "http://10.1.2.3/?SECRET" }).end();
    else response.writeHead(503).end();
  });
  const told: string[] = [];
  const tell = (...all: readonly unknown[]): void => void told.push(inspect(all, { depth: 9 }));
  for (const path of ["busy?SECRET", "busy?tag=SECRET&n=SECRET", "led?SECRET"])
    await get(new URL(path, server.url), {}, { onTrace: tell, onRetry: tell }).catch(tell);
  expect(told.join("\n")).toContain("busy?tag=…&n=…");
  expect(told.join("\n")).not.toContain("SECRET");
});

test("a file that its ETag still names is not sent, even by a server that would", async () => {
  await using server = await startServer((request, response) => {
    const etag = request.url === "/weak" ? 'W/"a"' : '"a"';
    if (request.url === "/304" && request.headers["if-none-match"] === etag) response.writeHead(304).end();
    else response.writeHead(200, { etag }).end("content");
  });
  for (const path of ["304", "200", "weak"])
    expect(await get(new URL(path, server.url), { etag: '"a"' })).toBeUndefined();
  expect(await get(new URL("304", server.url), { etag: '"b"' })).toEqual({ text: "content" });
});

test.each([
  ["its ETag", { etag: '"a"' }, '"a"'],
  [
    "Last-Modified where the ETag is weak",
    { etag: 'W/"a"', "last-modified": "Thu, 01 Jan 1970 00:01:17 GMT" },
    "Thu, 01 Jan 1970 00:01:17 GMT",
  ],
])("a download that breaks off goes on where it was, under %s", async (_, headers, validator) => {
  let answers = 0;
  await using server = await startServer((request, response) => {
    answers += 1;
    sendPart(request, response, headers, answers < 3 ? 70_000 * answers : text.length);
  });
  expect((await get(server.url))?.text).toBe(text);
  expect(server.requests.slice(1).every(({ headers: sent }) => sent["if-range"] === validator)).toBe(true);
  expect(server.requests.slice(1).every(({ headers: sent }) => sent.range !== "bytes=0-")).toBe(true);
});

test("a server without parts sends all of it again, and nothing comes twice", async () => {
  let answers = 0;
  await using server = await startServer((_, response) => {
    response.writeHead(200, { etag: '"a"', "content-length": text.length });
    answers += 1;
    if (answers === 1) response.write(text.slice(0, 70_000), () => response.destroy());
    else response.end(text);
  });
  expect((await get(server.url))?.text).toBe(text);
});

test("a part that leaves Last-Modified out, as it may under If-Range, is of the same file", async () => {
  let answers = 0;
  await using server = await startServer((request, response) => {
    answers += 1;
    const modified = { "last-modified": "Thu, 01 Jan 1970 00:01:17 GMT" };
    sendPart(
      request,
      response,
      { etag: '"a"', ...(answers === 1 ? modified : {}) },
      answers === 1 ? 70_000 : undefined,
    );
  });
  expect((await get(server.url))?.text).toBe(text);
  expect(server.requests[1]?.headers.range).toMatch(/^bytes=[1-9]/);
});

test("what breaks off and has neither ETag nor Last-Modified is not joined to what may be another file", async () => {
  await using server = await startServer((_, response) => {
    response.writeHead(200, { "content-length": text.length });
    response.write(text.slice(0, 70_000), () => response.destroy());
  });
  await expect(get(server.url)).rejects.toMatchObject({
    code: "UNAVAILABLE",
    message: expect.stringContaining("nothing tells whether the rest would be of the same file"),
  });
  expect(server.requests).toHaveLength(1);
});

test("a percent sign in the password of a URL may stand for itself", async () => {
  await using server = await startServer((_, response) => response.end("content"));
  expect(await get(new URL(server.url.href.replace("//", "//me:100%@")))).toEqual({ text: "content" });
  expect(server.requests[0]?.headers.authorization).toBe(`Basic ${Buffer.from("me:100%").toString("base64")}`);
});

test("a file that is another one when the download goes on is no file", async () => {
  let answers = 0;
  await using server = await startServer((_, response) => {
    answers += 1;
    response.writeHead(200, { etag: `"${answers}"`, "content-length": text.length });
    if (answers === 1) response.write(text.slice(0, 70_000), () => response.destroy());
    else response.end(text);
  });
  await expect(get(server.url)).rejects.toMatchObject({
    code: "INVALID_RESPONSE",
    message: `GET ${server.url.href}: the file changed while it was read`,
  });
});

test.each([
  [404, "NOT_FOUND", "404 Not Found", 1],
  [401, "UNAUTHORIZED", "401 Unauthorized", 1],
  [503, "UNAVAILABLE", "503 Service Unavailable (after 6 attempts)", 6],
])("%s is told without advice for registries", async (status, code, message, requests) => {
  await using server = await startServer((_, response) => {
    response.writeHead(status, { "www-authenticate": 'Bearer realm="http://127.0.0.1:1/token"' }).end("no");
  });
  const keychain = password("me", "secret");
  await expect(get(server.url, {}, { keychain })).rejects.toMatchObject({
    code,
    message: `GET ${server.url.href}: ${message}`,
    hint: undefined,
  });
  expect(server.requests).toHaveLength(requests);
  expect(server.requests.every(({ headers }) => headers.authorization === undefined)).toBe(true);
});

test("an error that passes is waited for", async () => {
  let answers = 0;
  await using server = await startServer((_, response) => {
    answers += 1;
    if (answers === 1) response.writeHead(429, { "retry-after": "7" }).end();
    else response.end("content");
  });
  const retried: string[] = [];
  const onRetry: RegistryClientOptions["onRetry"] = (host, { wait }) => retried.push(`${host} ${wait}`);
  expect(await get(server.url, {}, { onRetry })).toEqual({ text: "content" });
  expect(retried).toEqual([`${server.host} 7000`]);
});

test("redirects end: in a circle, at what is no web server, and at a network of this machine's", async () => {
  await using server = await startServer((request, response) => {
    const location = { "/circle": "/circle", "/file": "file:///etc/passwd", "/inside": "http://10.1.2.3/" }[
      request.url ?? ""
    ];
    response.writeHead(302, { location }).end();
  });
  const failure = async (path: string) => await get(new URL(path, server.url)).catch((error: unknown) => error);
  expect(await failure("circle")).toMatchObject({
    message: expect.stringContaining("redirected more than 10 times"),
    hint: undefined,
  });
  expect(await failure("file")).toMatchObject({ message: expect.stringContaining("it is neither https nor http") });
  expect(await failure("inside")).toMatchObject({
    code: "UNSAFE_URL",
    message: expect.stringContaining("10.1.2.3 is a private address"),
  });
});

test("credentials of a URL or a caller go to its own origin, and into no message", async () => {
  await using other = await startServer((_, response) => response.writeHead(404).end());
  await using server = await startServer((_, response) => response.writeHead(302, { location: other.url.href }).end());
  const url = new URL(server.url);
  url.username = "me";
  url.password = "p%40ss";
  const error: unknown = await get(url).catch((cause: unknown) => cause);
  expect(String(error)).not.toContain("ss");
  expect(server.requests[0]?.headers.authorization).toBe(`Basic ${Buffer.from("me:p@ss").toString("base64")}`);
  expect(other.requests[0]?.headers.authorization).toBeUndefined();
  await get(server.url, { authorization: "Bearer t" }).catch(() => undefined);
  expect(server.requests[1]?.headers.authorization).toBe("Bearer t");
});

test("a host's own authority counts, as certs.d has it, and no other", async () => {
  const certificate = makeCertificate("127.0.0.1");
  await using server = await startServer((_, response) => response.end("content"), certificate);
  const hosts: string[] = [];
  const tls = async (host: string) => {
    hosts.push(host);
    return { ca: [certificate.cert] };
  };
  expect(await get(server.url, {}, { hostConfig: plainConfig({ tls }) })).toEqual({ text: "content" });
  expect(hosts).toContain(server.host);
  await expect(get(server.url)).rejects.toMatchObject({
    code: "CERTIFICATE",
    hint: `Put the authority's certificate at /etc/containers/certs.d/${server.host}/ca.crt`,
  });
});

test("a proxy is gone through, for http and https", async () => {
  const certificate = makeCertificate("files.example");
  await using plain = await startServer((_, response) => response.end("plain"));
  await using secure = await startServer((_, response) => response.end("secure"), certificate);
  const seen: string[] = [];
  // Names are looked up by the proxy: whatever is asked for is one of the two servers.
  const proxy = createServer((incoming, response) => {
    seen.push(`${incoming.method} ${incoming.url}`);
    httpRequest(new URL("/", plain.url), (answer) => answer.pipe(response)).end();
  });
  proxy.on("connect", (incoming: IncomingMessage, socket: Socket) => {
    seen.push(`CONNECT ${incoming.url}`);
    const { port } = incoming.url?.endsWith(":443") === true ? secure.url : plain.url;
    const onward = connect(Number(port), "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      onward.pipe(socket).pipe(onward);
    });
    onward.on("error", () => socket.destroy());
    socket.on("error", () => onward.destroy());
  });
  const proxyUrl = new URL(`http://127.0.0.1:${await listen(proxy)}/`);
  const tls = async () => ({ ca: [certificate.cert] });
  const hostConfig = plainConfig({ tls, proxyFor: () => proxyUrl });
  try {
    expect(await get("http://files.example/a", {}, { hostConfig })).toEqual({ text: "plain" });
    expect(await get("https://files.example/b", {}, { hostConfig })).toEqual({ text: "secure" });
    expect(seen).toHaveLength(2);
    expect(seen[1]).toBe("CONNECT files.example:443");
  } finally {
    proxy.closeAllConnections();
    await new Promise((resolve) => proxy.close(resolve));
  }
});

test("what is no URL of the web is refused", async () => {
  await expect(get("ftp://example.org/x")).rejects.toThrow(
    'Cannot fetch "ftp://example.org/x": it is neither http nor https',
  );
});
