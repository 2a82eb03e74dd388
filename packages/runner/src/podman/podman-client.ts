import { Agent, type ClientRequest, type IncomingMessage, request } from "node:http";
import type { Duplex, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { buffer } from "node:stream/consumers";
import type { Bytes, Options } from "@lading/oci";
import { RunnerError } from "../errors.ts";
import { hasCode } from "../state/system-error.ts";
import { podmanError } from "./podman-error.ts";

// The oldest that is spoken to; podman keeps its answers to old clients as they were.
const version = "v4.0.0";

// Else Node works out a name for TLS, which there is none of, and compiles what addresses look like: some milliseconds.
const plain = { servername: "" };

type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export interface CallOptions extends Options {
  readonly query?: Query | undefined;
  /** Sent as JSON. */
  readonly json?: object | undefined;
  /** JSON already. */
  readonly text?: string | undefined;
  /** What is attempted, for errors: `Cannot start "web"`. */
  readonly attempt: string;
}

/** A connection that speaks HTTP no more. */
export interface Hijacked {
  readonly connection: Duplex;
  /** What came with the answer. */
  readonly head: Buffer;
}

/**
 * Calls to podman's REST service over its socket. Each takes a connection of its own or one that is
 * idle, so a long one is in nobody's way. Connections that are idle keep no process alive.
 */
export class PodmanClient implements Disposable {
  readonly #agent = new Agent({ keepAlive: true, timeout: 0 });
  readonly #reconnect: () => Promise<string>;
  #socket: string;

  /** `reconnect` is called when nobody listens at `socket` any more, and says where somebody does. */
  constructor(socket: string, reconnect: () => Promise<string> = async () => socket) {
    this.#socket = socket;
    this.#reconnect = reconnect;
  }

  get socket(): string {
    return this.#socket;
  }

  /**
   * Resolves to the JSON of the answer, undefined when it has none. Throws RunnerError, as `podmanError`
   * tells what podman says, or ENGINE when it says nothing.
   */
  async call(method: "GET" | "POST" | "DELETE", path: string, options: CallOptions): Promise<unknown> {
    const response = await this.#send(method, path, options);
    return parse(await bytesOf(response, options), options);
  }

  /** As `call`, where the answer is text that is no JSON. */
  async text(method: "GET" | "POST", path: string, options: CallOptions): Promise<string> {
    const response = await this.#send(method, path, options);
    return (await bytesOf(response, options)).toString("utf8").trim();
  }

  /** As `call`; what `body` gives is sent as it is read. */
  async upload(path: string, body: () => Bytes, type: string, options: CallOptions): Promise<unknown> {
    const response = await this.#send("POST", path, options, { body, type });
    return parse(await bytesOf(response, options), options);
  }

  /** The body of an answer, as it comes. */
  async download(path: string, options: CallOptions): Promise<Readable> {
    return await this.#send("GET", path, options);
  }

  /** Makes the connection of a call one of bytes in both directions: attach and exec. */
  async hijack(path: string, options: CallOptions): Promise<Hijacked> {
    const upgrade = { connection: "Upgrade", upgrade: "tcp" };
    return await this.#connected(options, async () => {
      const { call, answer } = this.#request("POST", path, options, upgrade);
      const upgraded = new Promise<Hijacked>((resolve) => {
        call.once("upgrade", (_, connection, head) => resolve({ connection, head }));
      });
      call.end(bodyOf(options));
      const first = await Promise.race([upgraded, answer]);
      if ("connection" in first && "head" in first) return first;
      throw await refusal(first, options);
    });
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }

  async #send(
    method: string,
    path: string,
    options: CallOptions,
    upload?: { readonly body: () => Bytes; readonly type: string },
  ): Promise<IncomingMessage> {
    return await this.#connected(options, async () => {
      const { call, answer } = this.#request(
        method,
        path,
        options,
        upload === undefined ? {} : { "content-type": upload.type },
      );
      if (upload === undefined) call.end(bodyOf(options));
      else {
        // An answer that comes before everything was sent tells more than the broken pipe.
        const sent = pipeline(upload.body(), call);
        sent.catch(() => undefined);
        await Promise.race([sent, answer]);
      }
      const response = await answer;
      if ((response.statusCode ?? 0) >= 400) throw await refusal(response, options);
      return response;
    });
  }

  #request(
    method: string,
    path: string,
    options: CallOptions,
    headers: Readonly<Record<string, string>>,
  ): { readonly call: ClientRequest; readonly answer: Promise<IncomingMessage> } {
    const { query = {}, signal } = options;
    const call = request({
      ...plain,
      socketPath: this.#socket,
      agent: this.#agent,
      method,
      path: `/${version}/libpod/${path}${search(query)}`,
      headers: {
        host: "podman",
        ...(bodyOf(options) === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(signal === undefined ? {} : { signal }),
    });
    const answer = new Promise<IncomingMessage>((resolve, reject) => {
      call.once("response", resolve).once("error", reject);
    });
    answer.catch(() => undefined);
    // What happens once there is an answer is the body's to tell.
    call.on("error", () => undefined);
    return { call, answer };
  }

  /** A service that was idle has ended by itself: then nothing was sent yet, and the next one takes the call. */
  async #connected<T>({ attempt, signal }: CallOptions, work: () => Promise<T>): Promise<T> {
    try {
      return await work().catch(async (error: unknown) => {
        if (!hasCode(error, "ECONNREFUSED", "ENOENT")) throw error;
        this.#socket = await this.#reconnect();
        return await work();
      });
    } catch (cause) {
      signal?.throwIfAborted();
      if (cause instanceof RunnerError || !hasCode(cause, "ECONNREFUSED", "ENOENT", "ECONNRESET", "EPIPE", "EACCES"))
        throw cause;
      throw new RunnerError("ENGINE", `${attempt}: podman's service at ${this.#socket} ended, or does not answer`, {
        cause,
      });
    }
  }
}

/** Whether it is podman that answers at `socket`, and its version; undefined when it is somebody else. Throws as `request`. */
export async function ping(socket: string, { signal }: Options = {}): Promise<string | undefined> {
  const limit = AbortSignal.timeout(5000);
  const call = request({
    ...plain,
    socketPath: socket,
    path: "/_ping",
    agent: false,
    signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
  });
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    call.once("response", resolve).once("error", reject).end();
  });
  response.resume();
  const found = response.headers["libpod-api-version"];
  return typeof found === "string" ? found : undefined;
}

function search(query: Query): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`],
  );
  return pairs.length === 0 ? "" : `?${pairs.join("&")}`;
}

function bodyOf({ json, text }: CallOptions): string | undefined {
  return text ?? (json === undefined ? undefined : JSON.stringify(json));
}

async function bytesOf(response: IncomingMessage, { attempt, signal }: CallOptions): Promise<Buffer> {
  try {
    return await buffer(response);
  } catch (cause) {
    signal?.throwIfAborted();
    throw new RunnerError("ENGINE", `${attempt}: podman's answer broke off`, { cause });
  }
}

function parse(body: Buffer, { attempt }: CallOptions): unknown {
  const text = body.toString("utf8");
  if (text.trim() === "") return undefined;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new RunnerError("ENGINE", `${attempt}: podman's answer is not JSON`, { cause });
  }
}

async function refusal(response: IncomingMessage, options: CallOptions): Promise<RunnerError> {
  const text = (await bytesOf(response, options)).toString("utf8");
  return podmanError(options.attempt, response.statusCode ?? 0, messageOf(text));
}

function messageOf(text: string): string {
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === "object" && body !== null && "message" in body) return String(body.message);
  } catch {
    // Not podman's own: a proxy's, or Go's.
  }
  return text.trim() === "" ? "it gave no reason" : text.trim();
}
