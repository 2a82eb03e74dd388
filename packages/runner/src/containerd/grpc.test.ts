import { once } from "node:events";
import { createServer, type Http2Server, type ServerHttp2Stream } from "node:http2";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { temporaryFolder } from "@lading/testkit";
import { expect, test } from "vitest";
import { GrpcConnection, type Rpc } from "./grpc.ts";

interface Fixture extends AsyncDisposable {
  readonly rpc: Rpc;
  readonly server: Http2Server;
}

/** A connection to a server that answers calls as `answer` does. */
async function connection(answer: (stream: ServerHttp2Stream, path: string) => unknown): Promise<Fixture> {
  const folder = await temporaryFolder();
  const path = join(folder.path, "sock");
  const server = createServer();
  server.on("stream", (stream, headers) => {
    stream.on("error", () => undefined);
    answer(stream, headers[":path"] ?? "");
  });
  server.listen(path);
  await once(server, "listening");
  const connected = new GrpcConnection(path);
  return {
    server,
    rpc: connected.with({ "containerd-namespace": "test" }),
    async [Symbol.asyncDispose](): Promise<void> {
      await connected[Symbol.asyncDispose]();
      server.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

const ok = { ":status": 200, "content-type": "application/grpc" };

function message(bytes: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(bytes.byteLength, 1);
  return Buffer.concat([prefix, bytes]);
}

function end(stream: ServerHttp2Stream, status: Record<string, string>): void {
  stream.once("wantTrailers", () => stream.sendTrailers(status));
  stream.end();
}

const data = Buffer.from("question");

test("a call sends one message to its method, and gets one", async () => {
  await using fixture = await connection(async (stream, path) => {
    const bytes = await buffer(stream);
    stream.respond(ok, { waitForTrailers: true });
    stream.write(message(Buffer.from(`${path} ${bytes.subarray(5).toString()}`)));
    end(stream, { "grpc-status": "0" });
  });

  const answer = await fixture.rpc.request("a.B", "C", data);

  expect(Buffer.from(answer).toString()).toBe("/a.B/C question");
});

test("messages are whole however their bytes arrive", async () => {
  const large = Buffer.alloc(300_000, "x");
  await using fixture = await connection((stream) => {
    stream.respond(ok, { waitForTrailers: true });
    const bytes = Buffer.concat([message(large), message(Buffer.from("y")), message(Buffer.alloc(0)), message(large)]);
    let start = 0;
    for (const cut of [3, 4, 7, 299_999, 300_006, 300_010, 300_017, bytes.length]) {
      stream.write(bytes.subarray(start, cut));
      start = cut;
    }
    end(stream, { "grpc-status": "0" });
  });

  const sizes: number[] = [];
  for await (const { byteLength } of fixture.rpc.serverStreamingRequest("a.B", "C", data)) sizes.push(byteLength);

  expect(sizes).toEqual([300_000, 1, 0, 300_000]);
});

test("a call that fails tells why, also when the answer is nothing but that", async () => {
  await using fixture = await connection((stream) => {
    stream.respond({ ...ok, "grpc-status": "5", "grpc-message": "image %22x%22: not found" }, { endStream: true });
  });

  await expect(fixture.rpc.request("a.B", "C", data)).rejects.toMatchObject({
    code: "ENGINE",
    status: "NOT_FOUND",
    message: 'Cannot call /a.B/C: image "x": not found',
  });
});

test("an answer that ends early is no answer", async () => {
  await using fixture = await connection((stream) => {
    stream.respond(ok);
    stream.end(message(Buffer.from("whole")).subarray(0, 7));
  });

  await expect(fixture.rpc.request("a.B", "C", data)).rejects.toMatchObject({ status: "UNAVAILABLE" });
});

test("a connection that breaks ends the calls on it, and the next call makes a new one", async () => {
  let calls = 0;
  await using fixture = await connection((stream) => {
    calls++;
    if (calls === 1) stream.session?.destroy();
    else {
      stream.respond(ok, { waitForTrailers: true });
      stream.write(message(Buffer.from("there again")));
      end(stream, { "grpc-status": "0" });
    }
  });

  await expect(fixture.rpc.request("a.B", "C", data)).rejects.toMatchObject({ status: "UNAVAILABLE" });
  const answer = await fixture.rpc.request("a.B", "C", data);

  expect(Buffer.from(answer).toString()).toBe("there again");
});

test("nobody at the socket is UNAVAILABLE, with the reason", async () => {
  await using connected = new GrpcConnection("/nonexistent/containerd.sock");

  await expect(connected.with({}).request("a.B", "C", data)).rejects.toMatchObject({
    status: "UNAVAILABLE",
    message: expect.stringContaining("ENOENT"),
  });
});

test("a signal ends a call that waits, with its reason, and the server is told", async () => {
  const closed = Promise.withResolvers<number>();
  await using fixture = await connection((stream) => {
    stream.respond(ok);
    stream.on("close", () => closed.resolve(stream.rstCode));
  });
  const controller = new AbortController();
  const reason = new Error("enough");

  const call = fixture.rpc.request("a.B", "C", data, controller.signal);
  setTimeout(() => controller.abort(reason), 20);

  await expect(call).rejects.toBe(reason);
  expect(await closed.promise).toBe(8); // CANCEL
});

test("what cannot be sent ends the call with its own error", async () => {
  await using fixture = await connection((stream) => stream.respond(ok));
  const reason = new Error("the source is broken");
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield data;
    throw reason;
  }

  await expect(fixture.rpc.clientStreamingRequest("a.B", "C", broken())).rejects.toBe(reason);
});
