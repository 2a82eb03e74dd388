import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import { temporaryFolder } from "@lading/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { allowContainer, goOffline, isOffline, needsNetwork } from "./offline.ts";

let server: Server;
let port: number;

beforeAll(async () => {
  server = createServer((socket) => socket.end());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  port = typeof address === "object" && address !== null ? address.port : 0;
  goOffline();
});

afterAll(() => server.close());

test("whoever asks before is told, and no socket connects to anything", async () => {
  expect(isOffline()).toBe(true);
  expect(() => needsNetwork("ask ghcr.io")).toThrow("Cannot ask ghcr.io with --offline");

  const ways = [() => connect(port, "127.0.0.1"), () => connect({ host: "127.0.0.1", port }), () => connect({ port })];
  for (const way of ways) {
    const [error]: unknown[] = await once(way(), "error");
    expect(String(error)).toContain("Cannot connect to anything with --offline");
  }
  await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toMatchObject({
    cause: { message: "Cannot connect to anything with --offline" },
  });
});

test("no datagram is sent", () => {
  const socket = createSocket("udp4");
  expect(() => socket.send("x", port, "127.0.0.1")).toThrow("with --offline");
  expect(() => socket.connect(port, "127.0.0.1")).toThrow("with --offline");
  socket.close();
});

test("sockets that are files connect, as engines have them", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "sock");
  const engine = createServer((socket) => socket.end());
  engine.listen(path);
  await once(engine, "listening");
  for (const way of [() => connect(path), () => connect({ path })]) await once(way(), "connect");
  engine.close();
});

test("whoever serves a container's ports reaches its address, and no name that leads there", async () => {
  allowContainer("127.0.0.1");
  await once(connect({ host: "127.0.0.1", port }), "connect");
  const [error]: unknown[] = await once(connect({ host: "localhost", port }), "error");
  expect(String(error)).toContain("with --offline");
});
