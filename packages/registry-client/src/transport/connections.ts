import { type LookupFunction, Socket } from "node:net";
import type { Dispatcher } from "undici";
// Not from "undici": its fetch, WebSocket, cache and mocks would cost 40 ms and 12 MB.
import buildConnector from "undici/lib/core/connect.js";
import Agent from "undici/lib/dispatcher/agent.js";
import Pool from "undici/lib/dispatcher/pool.js";
import type { TlsSettings } from "../hosts/host-config.ts";
import { authorities } from "./authorities.ts";
import { Timeout } from "./timeout.ts";

/** How a host is connected to. Two requests with the same way share connections. */
export interface Way {
  readonly tls: TlsSettings;
  readonly verifyTls: boolean;
  readonly proxy: URL | undefined;
  /** Not asked when there is a proxy: names are looked up there. */
  readonly lookup: LookupFunction;
  /** Whether the authorities of the system count as well as those that Node.js brings. */
  readonly systemAuthorities: boolean;
}

export interface ConnectionTimeouts {
  /** Milliseconds until a connection stands, TLS included. */
  readonly connect: number;
  /** Milliseconds in which the other side must take some of the bytes that wait to be sent. */
  readonly stall: number;
}

// Longer than one blob's hash or the next layer's packing; servers that close earlier say so in Keep-Alive.
const keepAlive = 15_000;

/** All connections of a client, kept alive between requests. */
export class Connections {
  readonly #timeouts: ConnectionTimeouts;
  readonly #agents: { readonly way: Way; readonly agent: Promise<Dispatcher> }[] = [];

  constructor(timeouts: ConnectionTimeouts) {
    this.#timeouts = timeouts;
  }

  to(way: Way): Promise<Dispatcher> {
    const known = this.#agents.find((entry) => sameWay(entry.way, way));
    if (known !== undefined) return known.agent;
    const agent = this.#open(way);
    this.#agents.push({ way, agent });
    return agent;
  }

  /** Ends all connections, also those in use. */
  async close(): Promise<void> {
    await Promise.all(this.#agents.splice(0).map(async ({ agent }) => (await agent).destroy()));
  }

  async #open({ tls, verifyTls, proxy, lookup, systemAuthorities }: Way): Promise<Dispatcher> {
    const { connect: timeout, stall } = this.#timeouts;
    const ca = authorities(tls.ca ?? [], systemAuthorities);
    const settings = {
      timeout,
      allowH2: false,
      rejectUnauthorized: verifyTls,
      ...(ca === undefined ? {} : { ca: [...ca] }),
      ...(tls.cert === undefined ? {} : { cert: tls.cert }),
      ...(tls.key === undefined ? {} : { key: tls.key }),
    };
    const common = { allowH2: false, pipelining: 1, keepAliveTimeout: keepAlive, headersTimeout: 0, bodyTimeout: 0 };
    if (proxy === undefined)
      return new Agent({ ...common, connect: watched(buildConnector({ ...settings, lookup }), stall) });
    // It stands on methods that only the index of undici brings.
    const { ProxyAgent } = await import("undici");
    return new ProxyAgent({
      ...common,
      // undici has the proxy look up names for socks5 already, and calls nothing socks5h.
      uri: proxy.href.replace(/^socks5h:/, "socks5:"),
      requestTls: settings,
      // The proxy's own certificate is checked whatever holds for the registry.
      // Any settings at all would make undici speak TLS to a SOCKS proxy.
      ...(proxy.protocol.startsWith("socks")
        ? {}
        : { proxyTls: { timeout, allowH2: false, ...(ca === undefined ? {} : { ca: [...ca] }) } }),
      factory: (origin, options) => new Pool(origin, watchedThroughProxy(options, stall)),
    });
  }
}

function sameWay(a: Way, b: Way): boolean {
  return (
    sameTls(a.tls, b.tls) &&
    a.verifyTls === b.verifyTls &&
    a.proxy?.href === b.proxy?.href &&
    (a.lookup === b.lookup || a.proxy !== undefined) &&
    a.systemAuthorities === b.systemAuthorities
  );
}

function sameTls(a: TlsSettings, b: TlsSettings): boolean {
  return a === b || (a.ca?.join() === b.ca?.join() && a.cert === b.cert && a.key === b.key);
}

/** Connects as `connect` does, and ends a connection whose other side stops to take bytes. */
function watched(connect: buildConnector.connector, stall: number): buildConnector.connector {
  return (options, callback) =>
    connect(options, (...result) => {
      // After an error there is no second argument at all, whatever the types say.
      if (result[0] === null) {
        watch(result[1], stall);
        endOnAlert(result[1]);
      }
      callback(...result);
    });
}

// A ProxyAgent makes its connector itself, and shows it to its factory only.
function watchedThroughProxy(options: object, stall: number): object {
  const connect: unknown = "connect" in options ? options.connect : undefined;
  if (typeof connect !== "function") return options;
  return {
    ...options,
    connect: (target: unknown, callback: (error: unknown, socket: unknown) => void): void => {
      Reflect.apply(connect, undefined, [
        target,
        (error: unknown, socket: unknown) => {
          if (socket instanceof Socket) watch(socket, stall);
          callback(error, socket);
        },
      ]);
    },
  };
}

// Under TLS 1.3 a refused client certificate comes as an alert after the handshake, which undici forgets
// over the end that follows: to it, the other side just closed.
function endOnAlert(socket: Socket): void {
  socket.prependOnceListener("error", (error: NodeJS.ErrnoException) => {
    if (error.code?.startsWith("ERR_SSL_") === true) socket.destroy(error);
  });
}

/*
 * Node's socket timeout restarts with every byte that the kernel takes, also in the middle of a large
 * chunk, which is finer than we could see. It fires on idle connections as well, which is fine: only
 * bytes that wait make it a stall.
 */
function watch(socket: Socket, stall: number): void {
  socket.setTimeout(stall, () => {
    if (socket.writableLength > 0) socket.destroy(new Timeout("upload", stall));
    else socket.setTimeout(stall);
  });
}
