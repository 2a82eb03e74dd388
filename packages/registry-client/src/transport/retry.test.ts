import { expect, test } from "vitest";
import { RegistryError } from "../errors.ts";
import { Pace } from "./retry.ts";
import { openHost, startServer, TestClock } from "./server.suite.ts";

const request = { method: "GET", url: "v2/a", scopes: [] } as const;

test.each([408, 425, 429, 499, 500, 502, 503, 504, 522])("%i is tried again", async (status) => {
  let failures = 2;
  await using server = await startServer((_, response) => response.writeHead(failures-- > 0 ? status : 200).end("ok"));
  await using at = await openHost(server.host);
  expect((await at.host.send(request)).status).toBe(200);
  expect(at.clock.waits).toEqual([500, 1000]);
});

test.each([400, 401, 403, 404, 405, 409, 413, 416, 501])("%i is not tried again", async (status) => {
  await using server = await startServer((_, response) => response.writeHead(status).end());
  await using at = await openHost(server.host);
  await expect(at.host.send(request)).rejects.toMatchObject({ status });
  expect(at.clock.waits).toEqual([]);
});

test("a connection that breaks off before the answer is made again", async () => {
  let failures = 2;
  await using server = await startServer((incoming, response) => {
    if (failures-- > 0) incoming.socket.resetAndDestroy();
    else response.end("ok");
  });
  await using at = await openHost(server.host);
  expect((await at.host.send(request)).status).toBe(200);
  expect(at.clock.waits).toHaveLength(2);
});

test("a refused connection is tried a few times only", async () => {
  const server = await startServer(() => undefined);
  await server[Symbol.asyncDispose]();
  await using at = await openHost(server.host);
  await expect(at.host.send(request)).rejects.toMatchObject({
    code: "UNAVAILABLE",
    message: expect.stringMatching(/^GET http:.*: connection refused \(after 3 attempts\)$/),
  });
  expect(at.clock.waits).toHaveLength(2);
});

test("a host that answered before is given time to start again", async () => {
  const server = await startServer((_, response) => response.end("ok"));
  const retries: unknown[] = [];
  await using at = await openHost(server.host, { onRetry: (registry, retry) => retries.push([registry, retry]) });
  expect((await at.host.send(request)).status).toBe(200);
  await server[Symbol.asyncDispose]();
  await expect(at.host.send(request)).rejects.toMatchObject({ message: expect.stringContaining("(after 6 attempts)") });
  expect(at.clock.waits).toEqual([500, 1000, 2000, 4000, 8000]);
  expect(retries).toHaveLength(5);
  expect(retries[1]).toEqual([
    server.host,
    { error: expect.any(RegistryError), attempt: 3, attempts: 6, wait: 1000, asked: false },
  ]);
});

test("Retry-After is kept, as seconds and as a date", async () => {
  const clock = new TestClock();
  const answers = ["7", new Date(clock.time + 20_000).toUTCString(), undefined];
  await using server = await startServer((_, response) => {
    const after = answers.shift();
    if (after === undefined) response.end("ok");
    else response.writeHead(429, { "retry-after": after }).end();
  });
  await using at = await openHost(server.host, { retries: { now: clock.now, sleep: clock.sleep, random: () => 0 } });
  expect((await at.host.send(request)).status).toBe(200);
  expect(clock.waits).toEqual([7000, 13_000]);
});

test("all requests to a host keep its pause", async () => {
  let refusals = 1;
  await using server = await startServer((incoming, response) => {
    if (incoming.url === "/v2/a" && refusals-- > 0) response.writeHead(429, { "retry-after": "9" }).end();
    else response.end("ok");
  });
  const clock = new TestClock();
  let wake: (() => void) | undefined;
  const sleeping = new Promise<void>((resolve) => (wake = resolve));
  let fallAsleep: (() => void) | undefined;
  const asleep = new Promise<void>((resolve) => (fallAsleep = resolve));
  await using at = await openHost(server.host, {
    retries: {
      now: clock.now,
      random: () => 0,
      sleep: async (milliseconds) => {
        fallAsleep?.();
        await sleeping;
        clock.time += milliseconds;
      },
    },
  });
  const first = at.host.send(request);
  await asleep;
  const second = at.host.send({ ...request, url: "v2/b" });
  await new Promise((resolve) => setImmediate(resolve));
  expect(server.requests.map(({ url }) => url)).toEqual(["/v2/a"]);
  wake?.();
  await Promise.all([first, second]);
  expect(server.requests.map(({ url }) => url).toSorted()).toEqual(["/v2/a", "/v2/a", "/v2/b"]);
});

test("a registry that asks for hours is not waited for; the message says until when", async () => {
  await using server = await startServer((_, response) => response.writeHead(429, { "retry-after": "7200" }).end());
  await using at = await openHost(server.host);
  await expect(at.host.send(request)).rejects.toMatchObject({
    code: "RATE_LIMITED",
    message: expect.stringContaining("not before 2026-01-01T02:00:00"),
  });
  expect(at.clock.waits).toEqual([]);
});

test.each([undefined, "60"])("a host that always answers 429 (Retry-After %s) is given up", async (after) => {
  await using server = await startServer((_, response) =>
    response.writeHead(429, after === undefined ? {} : { "retry-after": after }).end(),
  );
  await using at = await openHost(server.host);
  await expect(at.host.send(request)).rejects.toMatchObject({
    code: "RATE_LIMITED",
    transient: false,
    message: expect.stringMatching(/429 Too Many Requests \(after \d attempts\)$/),
  });
  expect(at.clock.waits.reduce((sum, wait) => sum + wait, 0)).toBeLessThanOrEqual(250_000);
});

test("progress gives the whole budget back", async () => {
  const clock = new TestClock();
  const attempts = new Pace(clock).attempts();
  const fault = new RegistryError("UNAVAILABLE", "x", { transient: true });
  for (let round = 0; round < 20; round += 1) {
    await attempts.failed(fault);
    attempts.progressed();
  }
  for (let round = 0; round < 5; round += 1) await attempts.failed(fault);
  await expect(attempts.failed(fault)).rejects.toMatchObject({ message: "x (after 6 attempts)" });
});

test("waits grow to their bound and are drawn by lot", async () => {
  const clock = new TestClock();
  const attempts = new Pace({ now: clock.now, sleep: clock.sleep, random: () => 0.5, attempts: 9 }).attempts();
  for (let round = 0; round < 8; round += 1)
    await attempts.failed(new RegistryError("UNAVAILABLE", "x", { transient: true }));
  expect(clock.waits).toEqual([250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
});

test("an abort ends a wait at once, with its reason", async () => {
  await using server = await startServer((_, response) => response.writeHead(503, { "retry-after": "100" }).end());
  const abort = new AbortController();
  const reason = new Error("enough");
  await using at = await openHost(server.host, {
    retries: {},
    onTrace: (line) => line.startsWith("Trying") && setImmediate(() => abort.abort(reason)),
  });
  await expect(at.host.send({ ...request, signal: abort.signal })).rejects.toBe(reason);
});

test("what a request's own body fails with is thrown as it is, and not tried again", async () => {
  const reason = new RegistryError("UNAVAILABLE", "another registry failed", { transient: true });
  await using server = await startServer((incoming) => incoming.resume());
  await using at = await openHost(server.host);
  const body = {
    size: 100,
    async *open() {
      yield Buffer.alloc(50);
      throw reason;
    },
  };
  await expect(at.host.send({ method: "PUT", url: "v2/a", body, scopes: [] })).rejects.toBe(reason);
  expect(at.clock.waits).toEqual([]);
});
