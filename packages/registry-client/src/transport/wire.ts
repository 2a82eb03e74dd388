import type { HostConfig } from "../hosts/host-config.ts";
import type { AddressGuard } from "./address-guard.ts";
import { Connections } from "./connections.ts";
import { connectionFault, missesIssuer } from "./faults.ts";
import { redactUrl } from "./redact.ts";
import type { RegistryRequest, RequestBody } from "./registry-host.ts";
import { HttpResponse } from "./response.ts";
import { roundTrip } from "./round-trip.ts";

/** Milliseconds. */
export interface Timeouts {
  /** Until a connection stands. Default: 15 000. */
  readonly connect?: number;
  /** From a request's end to the headers of its answer. Default: 60 000. */
  readonly headers?: number;
  /** Without a byte, either way. Default: 30 000. */
  readonly stall?: number;
}

export interface WireOptions {
  readonly hostConfig: Pick<HostConfig, "tls" | "proxyFor">;
  readonly userAgent: string;
  readonly timeouts?: Timeouts | undefined;
  /** Takes one line for each exchange. */
  readonly onTrace?: ((line: string) => void) | undefined;
}

export interface Exchange {
  readonly method: RegistryRequest["method"];
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: RequestBody | undefined;
  readonly signal: AbortSignal | undefined;
  readonly headersTimeout: number | undefined;
  /** Whether the URL is the registry's own, and not one that it named. */
  readonly own: boolean;
  readonly verifyTls: boolean;
  /** What people take the host for, in messages. */
  readonly kind: "registry" | "web";
  readonly guard: AddressGuard;
}

/** Sends requests over the connections of a client; knows TLS settings, proxies and timeouts. */
export class Wire {
  readonly #options: WireOptions;
  readonly #timeouts: Required<Timeouts>;
  readonly #connections: Connections;
  /** Hosts whose certificates only the system's authorities vouch for. */
  readonly #systemTrusted = new Set<string>();

  constructor(options: WireOptions) {
    this.#options = options;
    this.#timeouts = { connect: 15_000, headers: 60_000, stall: 30_000, ...options.timeouts };
    this.#connections = new Connections(this.#timeouts);
  }

  async send(exchange: Exchange): Promise<HttpResponse> {
    try {
      return await this.#send(exchange);
    } catch (error) {
      const { host } = exchange.url;
      if (!missesIssuer(error) || this.#systemTrusted.has(host)) throw error;
      // Nothing was sent yet, so nothing is sent twice.
      this.#systemTrusted.add(host);
      return await this.#send(exchange);
    }
  }

  close(): Promise<void> {
    return this.#connections.close();
  }

  async #send({
    method,
    url,
    headers,
    body,
    signal,
    headersTimeout,
    own,
    verifyTls,
    kind,
    guard,
  }: Exchange): Promise<HttpResponse> {
    const { hostConfig, userAgent, onTrace } = this.#options;
    const what = `${method} ${redactUrl(url, kind)}`;
    const proxy = hostConfig.proxyFor(url);
    const dispatcher = await this.#connections.to({
      tls: await hostConfig.tls(url.host),
      verifyTls,
      // With a proxy only addresses in URLs can be judged: the proxy looks names up.
      proxy,
      lookup: own ? guard.ownLookup : guard.guardedLookup,
      systemAuthorities: this.#systemTrusted.has(url.host),
    });
    const start = performance.now();
    const response = await roundTrip(dispatcher, {
      method,
      url,
      headers: { "user-agent": userAgent, "accept-encoding": "identity", ...headers },
      body,
      signal,
      headersTimeout: headersTimeout ?? this.#timeouts.headers,
      stall: this.#timeouts.stall,
      fault: (error) => connectionFault(error, what, { url, kind, proxy }),
      ...(onTrace === undefined
        ? {}
        : {
            onEnd: (status, bytes, error) => {
              const time = `${Math.round(performance.now() - start)} ms`;
              const sent = body === undefined ? "" : `, ${body.size} B sent`;
              const outcome =
                error === undefined ? "" : `, ended by ${error instanceof Error ? error.message : "a signal"}`;
              onTrace(`${what} ${status ?? "no answer"} ${time}, ${bytes} B${sent}${outcome}`);
            },
          }),
    });
    return new HttpResponse(response, url, what);
  }
}
