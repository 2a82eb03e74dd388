import { createServer } from "node:http";
import { once } from "node:events";
import { MemoryStore } from "@lading/oci";
import {
  type Intercept,
  type RegistryServer,
  serve,
  type ServedRequest,
  type ServeOptions,
} from "@lading/registry-server";
import { type FaultScene, innerAnswer, innerHeader, send } from "./fault.ts";

/** What goes wrong: the first `times` requests that `applies` takes in. */
export interface Fault {
  readonly applies: (request: ServedRequest) => boolean;
  readonly times: number;
  readonly inject: (scene: FaultScene) => Promise<void>;
}

export interface StartRegistryOptions extends ServeOptions {
  /** What it holds; an empty store when not given. */
  readonly store?: MemoryStore;
  readonly faults?: readonly Fault[];
}

export interface TestRegistry extends RegistryServer {
  /** What the registry keeps its content in: to fill it without the network, and to look at what arrived. */
  readonly store: MemoryStore;
  /** All requests so far, in the order in which they came. */
  readonly requests: readonly ServedRequest[];
  /** Another host with the same content that asks for no credentials: where faults lead to. */
  readonly other: URL;
  /** The requests that came there: of them the headers are of interest. */
  readonly otherRequests: readonly Pick<ServedRequest, "method" | "url" | "headers">[];
}

/** A registry in memory, on loopback, that takes pushes, remembers what it was asked and fails as told. */
export async function startRegistry(options: StartRegistryOptions = {}): Promise<TestRegistry> {
  const { store = new MemoryStore(), faults = [], intercept, ...rest } = options;
  const requests: ServedRequest[] = [];
  const counts = new Map<Fault, number>();
  const clean: Intercept = intercept ?? (async (_request, _raw, next) => await next());
  const recording: Intercept = async (request, raw, next) => {
    if (request.headers[innerHeader] === "1") return await next();
    requests.push(request);
    const fault = faults.find((each) => (counts.get(each) ?? 0) < each.times && each.applies(request));
    if (fault === undefined) return await clean(request, raw, next);
    const count = counts.get(fault) ?? 0;
    counts.set(fault, count + 1);
    const answer: FaultScene["answer"] = (url) => innerAnswer(server.url, raw.request, url);
    await fault.inject({ request, raw, count, other: other.url, answer });
  };
  const server = await serve(store, { writable: true, ...rest, intercept: recording });
  const other = await startOther(server.url, requests);
  const close = async (): Promise<void> => {
    await other.close();
    await server.close();
  };
  return {
    ...server,
    store,
    requests,
    other: other.url,
    otherRequests: other.requests,
    close,
    [Symbol.asyncDispose]: close,
  };
}

// Passes everything on, with the credentials that the registry was last sent: the client has none to give here.
async function startOther(
  registry: URL,
  asked: readonly ServedRequest[],
): Promise<{ url: URL; requests: Pick<ServedRequest, "method" | "url" | "headers">[]; close: () => Promise<void> }> {
  const requests: Pick<ServedRequest, "method" | "url" | "headers">[] = [];
  const server = createServer((request, response) => {
    const { method = "GET", url = "/", headers } = request;
    requests.push({ method, url, headers });
    const authorization = asked.findLast((each) => each.headers.authorization !== undefined)?.headers.authorization;
    innerAnswer(registry, request, url, authorization === undefined ? {} : { authorization })
      .then((answer) => send({ request, response }, answer))
      .catch(() => response.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new TypeError("Cannot tell the address of the server");
  return {
    url: new URL(`http://127.0.0.1:${address.port}/`),
    requests,
    close: async () => {
      server.close();
      server.closeAllConnections();
      if (server.listening) await once(server, "close");
    },
  };
}
