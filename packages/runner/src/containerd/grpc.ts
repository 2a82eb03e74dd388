import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
} from "node:http2";
import { once } from "node:events";
import { createConnection } from "node:net";
import { RunnerError } from "../errors.ts";

// By number (https://grpc.io/docs/guides/status-codes/).
const statuses = [
  "OK",
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
] as const;
export type GrpcStatus = (typeof statuses)[number];

/** A call that did not end with OK. UNAVAILABLE: nobody answered, or the connection broke. */
export class GrpcError extends RunnerError {
  override readonly name = "GrpcError";
  readonly status: GrpcStatus;
  /** What the server said. */
  readonly detail: string;

  constructor(method: string, status: GrpcStatus, detail: string, options: { readonly cause?: unknown } = {}) {
    super("ENGINE", `Cannot call ${method}: ${detail}`, options);
    this.status = status;
    this.detail = detail;
  }
}

/** Whether `error` is of a call that ended with one of these. */
export function isStatus(error: unknown, ...wanted: readonly GrpcStatus[]): error is GrpcError {
  return error instanceof GrpcError && wanted.includes(error.status);
}

/** Waits for a call that takes something away, and is content when it is gone already. */
export async function unlessGone(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!isStatus(error, "NOT_FOUND")) throw error;
  }
}

/** What generated clients call: messages are bytes, `method` is the name in the .proto. */
export interface Rpc {
  request(service: string, method: string, data: Uint8Array, signal?: AbortSignal): Promise<Uint8Array>;
  clientStreamingRequest(
    service: string,
    method: string,
    data: AsyncIterable<Uint8Array>,
    signal?: AbortSignal,
  ): Promise<Uint8Array>;
  serverStreamingRequest(
    service: string,
    method: string,
    data: Uint8Array,
    signal?: AbortSignal,
  ): AsyncIterable<Uint8Array>;
  bidirectionalStreamingRequest(
    service: string,
    method: string,
    data: AsyncIterable<Uint8Array>,
    signal?: AbortSignal,
  ): AsyncIterable<Uint8Array>;
}

interface Call<Data> {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly data: Data;
  readonly signal: AbortSignal | undefined;
}

interface OpenedCall extends Disposable {
  readonly stream: ClientHttp2Stream;
  /** Where the call's status is, when it has ended. */
  readonly status: IncomingHttpHeaders;
}

const windowSize = 4 * 1024 * 1024; // bytes, for downloads; HTTP/2's own is 64 KiB

/**
 * gRPC over HTTP/2 on a unix socket (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md):
 * no TLS, no compression, no deadlines. It connects at the first call, and again at the next one
 * after the connection broke. All calls throw GrpcError, or the signal's reason.
 */
export class GrpcConnection implements AsyncDisposable {
  readonly #path: string;
  #session: Promise<ClientHttp2Session> | undefined;
  #calls = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** Calls that carry these headers. */
  with(headers: Readonly<Record<string, string>>): Rpc {
    const stream = (
      service: string,
      method: string,
      data: Uint8Array | AsyncIterable<Uint8Array>,
      signal: AbortSignal | undefined,
    ): AsyncGenerator<Uint8Array, void, undefined> =>
      this.#stream({ path: `/${service}/${method}`, headers, data, signal });
    return {
      request: (service, method, data, signal) =>
        this.#request({ path: `/${service}/${method}`, headers, data, signal }),
      async clientStreamingRequest(service, method, data, signal) {
        let answer: Uint8Array | undefined;
        for await (const message of stream(service, method, data, signal)) answer ??= message;
        if (answer === undefined) throw new GrpcError(`/${service}/${method}`, "INTERNAL", "the answer is empty");
        return answer;
      },
      serverStreamingRequest: stream,
      bidirectionalStreamingRequest: stream,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const opened = this.#session;
    this.#session = undefined;
    const session = await opened?.catch(() => undefined);
    session?.destroy();
  }

  /** One message for another. Without an iterator, since most calls are such. */
  async #request(call: Call<Uint8Array>): Promise<Uint8Array> {
    const { path, data, signal } = call;
    using opened = await this.#open(call);
    const { stream } = opened;
    const answer = Promise.withResolvers<Uint8Array>();
    const chunks: Buffer[] = [];
    stream
      .on("data", (chunk: Buffer) => chunks.push(chunk))
      .once("error", (cause) => answer.reject(broken(path, cause)))
      .once("close", () => answer.reject(cutShort(path)))
      .once("end", () => {
        try {
          check(path, opened.status);
          answer.resolve(onlyMessage(path, Buffer.concat(chunks)));
        } catch (error) {
          answer.reject(error);
        }
      })
      .end(frame(data));
    try {
      return await answer.promise;
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
  }

  async *#stream(call: Call<Uint8Array | AsyncIterable<Uint8Array>>): AsyncGenerator<Uint8Array, void, undefined> {
    const { path, data, signal } = call;
    using opened = await this.#open(call);
    const { stream } = opened;
    let sent: { readonly failure: unknown } | undefined;
    try {
      if (data instanceof Uint8Array) stream.end(frame(data));
      else
        send(stream, data).catch((failure: unknown) => {
          sent = { failure };
          stream.close(constants.NGHTTP2_CANCEL);
        });
      yield* messages(stream, path);
      if (sent === undefined && !signal?.aborted) check(path, opened.status);
    } catch (cause) {
      if (sent === undefined && !signal?.aborted) throw cause instanceof GrpcError ? cause : broken(path, cause);
    }
    signal?.throwIfAborted();
    if (sent !== undefined) throw sent.failure;
  }

  /** Begins a call; disposing of it ends it, if it has not. */
  async #open({ path, headers, signal }: Call<unknown>): Promise<OpenedCall> {
    signal?.throwIfAborted();
    const session = await this.#connected(path);
    // A connection without calls does not keep the process from ending.
    if (this.#calls++ === 0) session.ref();
    const stream = session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
      ...headers,
    });
    const cancel = (): void => stream.close(constants.NGHTTP2_CANCEL);
    signal?.addEventListener("abort", cancel, { once: true });
    const opened = {
      stream,
      status: {},
      [Symbol.dispose]: (): void => {
        signal?.removeEventListener("abort", cancel);
        if (!stream.readableEnded) cancel();
        if (--this.#calls === 0) session.unref();
      },
    };
    // An answer that is nothing but a status has it in its headers.
    const told = (answer: IncomingHttpHeaders): void => {
      opened.status = answer;
    };
    stream.on("response", told).on("trailers", told);
    return opened;
  }

  async #connected(path: string): Promise<ClientHttp2Session> {
    this.#session ??= this.#connect();
    try {
      const session = await this.#session;
      if (!session.closed && !session.destroyed) return session;
    } catch (cause) {
      this.#session = undefined;
      throw broken(path, cause);
    }
    this.#session = undefined;
    return this.#connected(path);
  }

  async #connect(): Promise<ClientHttp2Session> {
    const socket = createConnection(this.#path);
    await once(socket, "connect");
    const session = connect("http://localhost", {
      createConnection: () => socket,
      settings: { initialWindowSize: windowSize, enablePush: false },
    });
    // Each stream tells of it as well.
    session.on("error", () => undefined);
    return session;
  }
}

async function send(stream: ClientHttp2Stream, data: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const message of data) {
    if (stream.destroyed || stream.closed) return;
    if (!stream.write(frame(message)))
      await Promise.race([once(stream, "drain"), new Promise((resolve) => stream.once("close", resolve))]);
  }
  stream.end();
}

/** A message with its prefix: not compressed, and its length. */
function frame(message: Uint8Array): Uint8Array {
  const framed = Buffer.allocUnsafe(prefix + message.byteLength);
  framed[0] = 0;
  framed.writeUInt32BE(message.byteLength, 1);
  framed.set(message, prefix);
  return framed;
}

const prefix = 5; // bytes

async function* messages(stream: AsyncIterable<Buffer>, path: string): AsyncGenerator<Uint8Array, void, undefined> {
  let waiting: Buffer[] = [];
  let size = 0;
  let needed = prefix;
  for await (const chunk of stream) {
    waiting.push(chunk);
    size += chunk.byteLength;
    if (size < needed) continue;
    let rest = Buffer.concat(waiting);
    for (needed = prefix; rest.byteLength >= prefix; needed = prefix) {
      if (rest[0] !== 0) throw new GrpcError(path, "INTERNAL", "the answer is compressed");
      needed = prefix + rest.readUInt32BE(1);
      if (rest.byteLength < needed) break;
      yield rest.subarray(prefix, needed);
      rest = rest.subarray(needed);
    }
    waiting = [rest];
    size = rest.byteLength;
  }
  if (size > 0) throw new GrpcError(path, "UNAVAILABLE", "the answer ends within a message");
}

function onlyMessage(path: string, answer: Buffer): Uint8Array {
  if (answer[0] !== 0 || answer.byteLength < prefix) throw new GrpcError(path, "INTERNAL", "the answer is no message");
  const end = prefix + answer.readUInt32BE(1);
  if (answer.byteLength !== end) throw new GrpcError(path, "INTERNAL", "the answer is not one message");
  return answer.subarray(prefix, end);
}

function check(path: string, answer: IncomingHttpHeaders): void {
  const { "grpc-status": code, "grpc-message": said } = answer;
  if (code === undefined) throw cutShort(path);
  const status = statuses[Number(code)];
  if (status === "OK") return;
  throw new GrpcError(path, status ?? "UNKNOWN", typeof said === "string" ? unescaped(said) : "no reason given");
}

/** Percent-encoded; what is not is taken as it is. */
function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function cutShort(path: string): GrpcError {
  return new GrpcError(path, "UNAVAILABLE", "the connection was closed before the answer was complete");
}

function broken(path: string, cause: unknown): GrpcError {
  const detail = cause instanceof Error ? cause.message : String(cause);
  return new GrpcError(path, "UNAVAILABLE", detail, { cause });
}
