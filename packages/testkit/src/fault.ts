import { request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";
import type { ServedRequest } from "@lading/registry-server";

/** One request that goes wrong, and what there is to make it go wrong with. */
export interface FaultScene {
  readonly request: ServedRequest;
  readonly raw: { readonly request: IncomingMessage; readonly response: ServerResponse };
  /** How many requests went wrong before this one. */
  readonly count: number;
  /** Another host that serves the same content, and which no credentials are for. */
  readonly other: URL;
  /** The answer that the registry has; to the same request for another path and query when there is one. */
  readonly answer: (url?: string) => Promise<Answer>;
}

export interface Answer {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  readonly body: Buffer;
}

export type Injection = (scene: FaultScene) => Promise<void>;

/** Marks what the registry asks itself, which never goes wrong. */
export const innerHeader = "x-lading-inner";

/** Asks the registry at `base` what it would answer. */
export async function innerAnswer(
  base: URL,
  request: IncomingMessage,
  url = request.url ?? "/",
  headers: OutgoingHttpHeaders = {},
): Promise<Answer> {
  const inner = httpRequest(new URL(url, base), {
    method: request.method,
    headers: { ...request.headers, ...headers, [innerHeader]: "1" },
    agent: false,
  });
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    inner.once("response", resolve).once("error", reject);
  });
  request.pipe(inner);
  request.once("close", () => request.complete || inner.destroy());
  const response = await answered;
  const body = await buffer(response);
  // How long a connection lasts is each hop's own business.
  const { connection: _, "keep-alive": __, ...passed } = response.headers;
  return { status: response.statusCode ?? 0, headers: passed, body };
}

/** Sends `answer` as it is. */
export async function send({ response }: FaultScene["raw"], { status, headers, body }: Answer): Promise<void> {
  response.writeHead(status, defined(headers)).end(response.req.method === "HEAD" ? undefined : body);
}

/** The registry's answer with something changed; what is undefined is left out. */
export function changed(change: (answer: Answer, scene: FaultScene) => Partial<Answer>): Injection {
  return async (scene) => {
    const answer = await scene.answer();
    const { headers, ...rest } = change(answer, scene);
    await send(scene.raw, { ...answer, ...rest, headers: { ...answer.headers, ...headers } });
  };
}

/** An answer of its own instead of the registry's, after the request's body was read. */
export function instead(status: number, headers: OutgoingHttpHeaders = {}, body: string | Buffer = ""): Injection {
  return async ({ raw }) => {
    await drained(raw.request);
    const bytes = Buffer.from(body);
    await send(raw, { status, headers: { "content-length": bytes.byteLength, ...headers }, body: bytes });
  };
}

/** An answer with an error of the distribution-spec. */
export function refusal(status: number, code: string, headers: OutgoingHttpHeaders = {}): Injection {
  const body = JSON.stringify({ errors: [{ code, message: `injected ${status}` }] });
  return instead(status, { "content-type": "application/json", ...headers }, body);
}

/** A redirect to wherever. */
export function redirect(target: (scene: FaultScene) => string): Injection {
  return async (scene) => await instead(307, { location: target(scene) })(scene);
}

/** The connection is reset before any answer. */
export const reset: Injection = async ({ raw }) => {
  raw.request.socket.resetAndDestroy();
};

/** The connection is reset when so many bytes of the request's body have come. Shorter ones get through. */
export function resetUpload(bytes: number): Injection {
  return async (scene) => {
    const { request } = scene.raw;
    const length = Number(request.headers["content-length"] ?? Infinity);
    if (length <= bytes) return await send(scene.raw, await scene.answer());
    let size = 0;
    request.on("data", (chunk: Buffer) => {
      size += chunk.byteLength;
      if (size >= bytes) request.socket.resetAndDestroy();
    });
    request.resume();
  };
}

/** The answer comes, and before it is over the connection ends as said, or nothing more comes. */
export function brokenBody(
  bytes: (size: number) => number,
  how: "reset" | "close" | "stall",
  keepRange = false,
): Injection {
  return async (scene) => {
    const { status, headers, body } = await scene.answer();
    const { response } = scene.raw;
    const limit = keepRange ? bytes(body.byteLength) : Math.min(bytes(body.byteLength), body.byteLength - 1);
    if (limit >= body.byteLength) return await send(scene.raw, { status, headers, body });
    response.writeHead(status, defined(headers));
    await new Promise<void>((resolve) => response.write(body.subarray(0, limit), () => resolve()));
    const { socket } = response;
    if (how === "reset") socket?.resetAndDestroy();
    if (how === "close") socket?.end();
  };
}

/** Nothing is answered, for as long as the client waits. */
export const silence: Injection = async () => undefined;

/** The work is done, and the client never hears of it. */
export const lostAnswer: Injection = async (scene) => {
  await scene.answer();
  await reset(scene);
};

async function drained(request: IncomingMessage): Promise<void> {
  for await (const _ of request);
}

function defined(headers: OutgoingHttpHeaders): OutgoingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined));
}
