import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { Server } from "node:net";
import type { FoundCredential, Keychain } from "../auth/credential.ts";
import { RegistryClient, type RegistryClientOptions } from "../client.ts";
import type { Endpoint, HostConfig } from "../hosts/host-config.ts";
import type { RegistryHost } from "./registry-host.ts";

export interface TestServer extends AsyncDisposable {
  /** `127.0.0.1:34567`. */
  readonly host: string;
  readonly url: URL;
  /** What was asked for, in order. */
  readonly requests: { readonly method: string; readonly url: string; readonly headers: IncomingMessage["headers"] }[];
  /** Connections that were made so far. */
  connections(): number;
}

/** A server on a port of its own, for one test. */
export async function startServer(
  answer: (request: IncomingMessage, response: ServerResponse) => unknown,
  tls?: { readonly cert: string; readonly key: string },
): Promise<TestServer> {
  const requests: TestServer["requests"] = [];
  let connections = 0;
  const listener: RequestListener = (request, response) => {
    const { method = "", url = "", headers } = request;
    requests.push({ method, url, headers });
    answer(request, response);
  };
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  server.on(tls === undefined ? "connection" : "secureConnection", () => (connections += 1));
  const port = await listen(server);
  return {
    host: `127.0.0.1:${port}`,
    url: new URL(`${tls === undefined ? "http" : "https"}://127.0.0.1:${port}/`),
    requests,
    connections: () => connections,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Listens on loopback; returns the port. */
export function listen(server: Server): Promise<number> {
  return new Promise((resolve) =>
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      if (address !== null && typeof address === "object") resolve(address.port);
    }),
  );
}

/** Configuration that says nothing but what is given. */
export function plainConfig(config: Partial<Pick<HostConfig, "tls" | "proxyFor">> = {}): HostConfig {
  return {
    route: () => {
      throw new Error("There are no routes in this test");
    },
    tls: () => Promise.resolve({}),
    proxyFor: () => undefined,
    ...config,
  };
}

/** A keychain with one password for everything. */
export function password(username: string, secret: string): Keychain {
  const found: FoundCredential = { credential: { type: "password", username, password: secret }, from: "a test" };
  return { find: () => Promise.resolve(found) };
}

export const noCredentials: Keychain = { find: () => Promise.resolve(undefined) };

/** Time that passes only by waiting. */
export class TestClock {
  time = Date.UTC(2026, 0, 1);
  readonly waits: number[] = [];

  readonly now = (): number => this.time;
  readonly sleep = (milliseconds: number): Promise<void> => {
    this.waits.push(milliseconds);
    this.time += milliseconds;
    return Promise.resolve();
  };
  /** Never any luck: the longest of all waits. */
  readonly random = (): number => 1;
}

export interface OpenHost extends AsyncDisposable {
  readonly host: RegistryHost;
  readonly clock: TestClock;
  readonly trace: string[];
  readonly warnings: string[];
}

/** A host as the client makes it, for the server at `name`. */
export async function openHost(
  name: string,
  options: RegistryClientOptions & { readonly endpoint?: Partial<Endpoint> } = {},
): Promise<OpenHost> {
  const { endpoint, ...others } = options;
  const clock = new TestClock();
  const trace: string[] = [];
  const warnings: string[] = [];
  const client = await RegistryClient.open({
    hostConfig: plainConfig(),
    keychain: noCredentials,
    retries: clock,
    onTrace: (line) => trace.push(line),
    onWarning: (registry, text) => warnings.push(`${registry}: ${text}`),
    ...others,
  });
  const host = client.host({
    registry: name,
    base: new URL(`https://${name}/`),
    repository: "acme/app",
    plainHttp: "only",
    verifyTls: true,
    ...endpoint,
  });
  return { host, clock, trace, warnings, [Symbol.asyncDispose]: () => client.close() };
}
