import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { listen, openHost, startServer } from "./server.suite.ts";

const once = { attempts: 1 };
const request = { method: "GET", url: "v2/a", scopes: [] } as const;

test("an answer that does not come ends the request", async () => {
  await using server = await startServer(() => undefined);
  await using at = await openHost(server.host, { timeouts: { headers: 50 }, retries: once });
  await expect(at.host.send(request)).rejects.toMatchObject({
    code: "UNAVAILABLE",
    transient: true,
    message: expect.stringContaining("no answer for 0.05 s"),
  });
});

test("a request may have more time for its answer", async () => {
  await using server = await startServer(async (_, response) => {
    await sleep(80);
    response.end("late");
  });
  await using at = await openHost(server.host, { timeouts: { headers: 20 }, retries: once });
  expect((await at.host.send({ ...request, headersTimeout: 5000 })).status).toBe(200);
});

test("a body that stalls ends with a transient error after the bytes that came", async () => {
  await using server = await startServer((_, response) =>
    response.writeHead(200, { "content-length": 10 }).write("half"),
  );
  await using at = await openHost(server.host, { timeouts: { stall: 50 } });
  const response = await at.host.send(request);
  const seen: string[] = [];
  const reading = (async () => {
    for await (const chunk of response.body) seen.push(Buffer.from(chunk).toString());
  })();
  await expect(reading).rejects.toMatchObject({
    code: "UNAVAILABLE",
    transient: true,
    message: expect.stringContaining("no more bytes for 0.05 s"),
  });
  expect(seen).toEqual(["half"]);
});

test("a reader that does not ask is no stall, and holds the server back", async () => {
  const size = 64 * 1024 * 1024;
  let written = 0;
  await using server = await startServer(async (_, response) => {
    response.writeHead(200, { "content-length": size });
    const chunk = Buffer.alloc(256 * 1024);
    for (; written < size; written += chunk.length)
      if (!response.write(chunk)) await new Promise((resolve) => response.once("drain", resolve));
    response.end();
  });
  await using at = await openHost(server.host, { timeouts: { stall: 60 } });
  const response = await at.host.send(request);
  let read = 0;
  for await (const chunk of response.body) {
    if (read === 0) {
      await sleep(200);
      expect(written).toBeLessThan(size / 2);
    }
    read += chunk.byteLength;
  }
  expect(read).toBe(size);
});

test("an upload whose bytes are not taken ends with a transient error", async () => {
  const server = createServer((socket) => socket.pause());
  const port = await listen(server);
  await using at = await openHost(`127.0.0.1:${port}`, { timeouts: { stall: 60 }, retries: once });
  let closed = false;
  const body = {
    size: 1e9,
    async *open() {
      try {
        for (;;) yield Buffer.alloc(1e6);
      } finally {
        closed = true;
      }
    },
  };
  await expect(at.host.send({ method: "PUT", url: "v2/a", body, scopes: [] })).rejects.toMatchObject({
    code: "UNAVAILABLE",
    transient: true,
    message: expect.stringContaining("no bytes were taken for 0.06 s"),
  });
  await expect.poll(() => closed).toBe(true);
  server.close();
});

test("a slow source is no stall", async () => {
  await using server = await startServer((incoming, response) => {
    incoming.resume().on("end", () => response.writeHead(201).end());
  });
  await using at = await openHost(server.host, { timeouts: { stall: 30, headers: 30 }, retries: once });
  const body = {
    size: 2,
    async *open() {
      yield Buffer.from("a");
      await sleep(150);
      yield Buffer.from("b");
    },
  };
  expect((await at.host.send({ method: "PUT", url: "v2/a", body, scopes: [] })).status).toBe(201);
});

test("an early refusal is what is thrown, and the source is closed", async () => {
  await using server = await startServer((_, response) => response.writeHead(413).end("too large"));
  await using at = await openHost(server.host);
  let closed = false;
  const body = {
    size: 1e9,
    async *open() {
      try {
        for (;;) yield Buffer.alloc(1e5);
      } finally {
        closed = true;
      }
    },
  };
  await expect(at.host.send({ method: "PUT", url: "v2/a", body, scopes: [] })).rejects.toMatchObject({ status: 413 });
  await expect.poll(() => closed).toBe(true);
});

test.each(["before the answer", "in the body"])("an abort %s throws its reason", async (when) => {
  const abort = new AbortController();
  const reason = new Error("enough");
  await using server = await startServer((_, response) => {
    if (when === "in the body") response.writeHead(200, { "content-length": 10 }).write("half");
    else abort.abort(reason);
  });
  await using at = await openHost(server.host);
  const sending = at.host.send({ ...request, signal: abort.signal });
  const reading = sending.then((response) => {
    setImmediate(() => abort.abort(reason));
    return response.read(100);
  });
  await expect(reading).rejects.toBe(reason);
});

test("an aborted signal sends nothing", async () => {
  await using server = await startServer((_, response) => response.end());
  await using at = await openHost(server.host);
  await expect(at.host.send({ ...request, signal: AbortSignal.abort("no") })).rejects.toBe("no");
  expect(server.requests).toEqual([]);
});

test.each(["short", "chunked"])("a %s body that breaks off is a transient error", async (kind) => {
  await using server = await startServer((_, response) => {
    if (kind === "short") response.setHeader("content-length", 10);
    response.write("half", () => response.socket?.end());
  });
  await using at = await openHost(server.host);
  const response = await at.host.send(request);
  await expect(response.read(100)).rejects.toMatchObject({ code: "UNAVAILABLE", transient: true });
});

test("many transfers leave no listeners on their signal, and use few connections", async () => {
  await using server = await startServer((_, response) => response.end("x".repeat(1000)));
  await using at = await openHost(server.host);
  let listeners = 0;
  const { signal } = new AbortController();
  const counted = new Proxy(signal, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      if (name === "addEventListener") listeners += 1;
      if (name === "removeEventListener") listeners -= 1;
      return value.bind(target);
    },
  });
  for (let count = 0; count < 40; count += 1) {
    const response = await at.host.send({ ...request, method: count % 2 === 0 ? "GET" : "HEAD", signal: counted });
    if (count % 4 === 0) await response.discard();
    else await response.read(2000);
  }
  expect(listeners).toBe(0);
  expect(server.connections()).toBeLessThanOrEqual(2);
});
