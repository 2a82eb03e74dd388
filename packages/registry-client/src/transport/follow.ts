import type { AddressGuard } from "./address-guard.ts";
import { redactUrl } from "./redact.ts";
import { redirectTarget } from "./redirect.ts";
import type { RegistryRequest, RequestBody } from "./registry-host.ts";
import type { HttpResponse } from "./response.ts";
import type { Wire } from "./wire.ts";

/** One request, wherever it is led. */
export interface Hop {
  readonly method: RegistryRequest["method"];
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: RequestBody | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly headersTimeout?: number | undefined;
  /** The credentials that a URL may get. */
  readonly authorization: (url: URL) => string | undefined;
}

/** The host that a request is meant for, which may lead it elsewhere. */
export interface Leader {
  readonly base: URL;
  readonly wire: Wire;
  readonly guard: AddressGuard;
  /** Of the host itself; others are always verified. */
  readonly verifyTls: boolean;
  /** What people take the host for. */
  readonly kind: "registry" | "web";
  /** Where `url` is from when it is another host's: "the URL that ghcr.io named". */
  readonly what: string;
  /** Is told that the host itself answered. */
  answered(): void;
}

/** Sends to `url` and where it leads; the last answer is given back, whatever it says. Throws RegistryError. */
export async function follow(url: URL, hop: Hop, leader: Leader): Promise<HttpResponse> {
  const { base, wire, guard, verifyTls, kind } = leader;
  let from = url;
  let { what } = leader;
  // Who leads back to the registry is not to choose what is asked there in somebody's name.
  let left = false;
  for (let redirects = 0; ; redirects += 1) {
    guard.check(from, base, what, kind);
    left ||= from.origin !== url.origin;
    // Asked in any case: it may forbid to go there.
    const allowed = hop.authorization(from);
    const authorization = left ? undefined : allowed;
    const response = await wire.send({
      method: hop.method,
      url: from,
      headers: { ...hop.headers, ...(authorization === undefined ? {} : { authorization }) },
      body: hop.body,
      signal: hop.signal,
      headersTimeout: hop.headersTimeout,
      own: from.origin === base.origin,
      verifyTls: verifyTls || from.hostname !== base.hostname,
      kind,
      guard,
    });
    if (from.origin === base.origin) leader.answered();
    let target: URL | undefined;
    try {
      target = redirectTarget(hop.method, response.status, response.header("location"), from, redirects, kind);
    } catch (error) {
      // Nobody else would let its connection go.
      await response.discard();
      throw error;
    }
    if (target === undefined) return response;
    await response.discard();
    what = `the redirect of ${hop.method} ${redactUrl(from, kind)}`;
    from = target;
  }
}
