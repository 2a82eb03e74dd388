import type { Options } from "@lading/oci";
import { Authorizer, type TokenFetch } from "../auth/authorizer.ts";
import type { Keychain } from "../auth/credential.ts";
import { RegistryError } from "../errors.ts";
import type { Endpoint } from "../hosts/host-config.ts";
import { AddressGuard } from "./address-guard.ts";
import { faultCode, speaksNoTls } from "./faults.ts";
import { follow, type Hop } from "./follow.ts";
import { redactUrl, withoutCredentials } from "./redact.ts";
import { refusalError } from "./refusal.ts";
import type { Attempts, RegistryHost, RegistryRequest, RegistryResponse } from "./registry-host.ts";
import type { HttpResponse } from "./response.ts";
import { Pace, type Retry, type RetryPolicy } from "./retry.ts";
import type { Wire } from "./wire.ts";
import { parseWarning } from "./warning-header.ts";

export interface HttpHostOptions {
  readonly endpoint: Endpoint;
  readonly wire: Wire;
  readonly guard: AddressGuard;
  readonly retries?: RetryPolicy | undefined;
  readonly keychain: Keychain;
  readonly onWarning?: ((text: string) => void) | undefined;
  readonly onRetry?: ((retry: Retry) => void) | undefined;
  readonly onTrace?: ((line: string) => void) | undefined;
}

/** What is read of an error's body, and of a token server's answer. */
const textLimit = 64 * 1024;
/** New tokens for one request: the first, one for the scope the registry names, one for a token that ran out. */
const maxChallenges = 3;

/** A registry over HTTP. */
export class HttpRegistryHost implements RegistryHost {
  readonly registry: string;
  readonly memory: Map<string, string> = new Map();
  readonly #endpoint: Endpoint;
  readonly #wire: Wire;
  readonly #guard: AddressGuard;
  readonly #pace: Pace;
  readonly #authorizer: Authorizer;
  readonly #onTrace: ((line: string) => void) | undefined;
  readonly #onWarning: ((text: string) => void) | undefined;
  readonly #onRetry: ((retry: Retry) => void) | undefined;
  readonly #warned = new Set<string>();
  #base: URL;
  #settled: Promise<void> | undefined;

  constructor({ endpoint, wire, guard, retries, keychain, onWarning, onRetry, onTrace }: HttpHostOptions) {
    this.registry = endpoint.registry;
    this.#endpoint = endpoint;
    this.#base = endpoint.plainHttp === "only" ? withoutTls(endpoint.base) : endpoint.base;
    this.#wire = wire;
    this.#guard = guard;
    this.#pace = new Pace(retries);
    this.#onWarning = onWarning;
    this.#onRetry = onRetry;
    this.#onTrace = onTrace;
    this.#authorizer = new Authorizer({
      registry: endpoint.registry,
      keychain,
      fetch: (request) => this.#fetchToken(request),
      base: () => this.#base,
      now: () => this.#pace.now(),
      ...(onTrace === undefined ? {} : { onTrace }),
    });
  }

  get base(): URL {
    return this.#base;
  }

  attempts(options?: Options): Attempts {
    return this.#pace.attempts(options, (retry) => {
      const { error, attempt, attempts, wait } = retry;
      this.#onTrace?.(`Trying again in ${(wait / 1000).toFixed(1)} s (${attempt} of ${attempts}): ${error.message}`);
      this.#onRetry?.(retry);
    });
  }

  async send(request: RegistryRequest): Promise<RegistryResponse> {
    const attempts = this.attempts(request);
    for (;;) {
      try {
        return await this.exchange(request);
      } catch (error) {
        await attempts.failed(error);
      }
    }
  }

  async exchange(request: RegistryRequest): Promise<RegistryResponse> {
    const { scopes, signal, allow = [] } = request;
    await this.#settle(signal);
    const url = new URL(request.url, this.#base);
    const repository = scopes[0]?.repository ?? "";
    // Given by the caller it is bound to the registry like one of ours.
    const { authorization: given, ...headers } = request.headers ?? {};
    for (let challenges = 0; ; challenges += 1) {
      const sent =
        url.origin === this.#base.origin ? await this.#authorizer.header(repository, scopes, { signal }) : undefined;
      await this.#pace.ready({ signal });
      const response = await this.#follow(url, {
        ...request,
        headers,
        authorization: (target) => (target.origin === this.#base.origin ? (sent ?? given) : undefined),
      });
      this.#warn(response);
      const own = response.url.origin === this.#base.origin;
      if (
        own &&
        challenges < maxChallenges &&
        (response.status === 401 || (response.status === 403 && !allow.includes(403)))
      ) {
        const error = await this.#refusal(request, response, sent);
        if (response.status === 401 || tokenExpired(error)) {
          const asked = await this.#challenges(response, signal);
          if (await this.#authorizer.challenged(asked, repository, scopes, sent, { signal })) continue;
        }
        throw error;
      }
      if ((response.status >= 200 && response.status < 300) || allow.includes(response.status)) return response;
      throw await this.#refusal(request, response, own ? sent : undefined);
    }
  }

  /** Sends to `url` and where it leads. */
  async #follow(url: URL, hop: Hop): Promise<HttpResponse> {
    return await follow(url, hop, {
      base: this.#base,
      wire: this.#wire,
      guard: this.#guard,
      verifyTls: this.#endpoint.verifyTls,
      kind: "registry",
      what: `the URL that ${this.registry} named`,
      answered: () => this.#pace.answered(),
    });
  }

  // gcr.io answers 401 without a challenge, but gives one at the root of its API.
  async #challenges(response: HttpResponse, signal: AbortSignal | undefined): Promise<readonly string[]> {
    const asked = response.headerLines("www-authenticate");
    if (asked.length > 0 || response.status !== 401) return asked;
    const root = await this.#follow(new URL("v2/", this.#base), {
      method: "GET",
      headers: {},
      signal,
      authorization: () => undefined,
    });
    await root.discard();
    return root.url.origin === this.#base.origin ? root.headerLines("www-authenticate") : [];
  }

  async #refusal(
    { method, scopes }: RegistryRequest,
    response: HttpResponse,
    sent: string | undefined,
  ): Promise<RegistryError> {
    const { bytes } = await response.readStart(textLimit);
    return refusalError({
      what: `${method} ${redactUrl(response.url)}`,
      registry: this.registry,
      status: response.status,
      header: (name) => response.header(name),
      body: withoutCredentials(bytes, sent),
      now: this.#pace.now(),
      authenticated: sent !== undefined,
      help: sent === undefined ? undefined : this.#authorizer.refusal(scopes[0]?.repository ?? ""),
    });
  }

  readonly #fetchToken: TokenFetch = async ({ method, url, headers, body, signal }) => {
    const { authorization, ...others } = headers;
    const bytes = body === undefined ? undefined : Buffer.from(body);
    this.#guard.check(url, this.#base, `the realm that ${this.registry} named`);
    const response = await this.#follow(url, {
      method,
      headers: others,
      signal,
      body:
        bytes === undefined
          ? undefined
          : {
              size: bytes.byteLength,
              async *open() {
                yield bytes;
              },
            },
      authorization: (target) => {
        if (target.origin === url.origin) return authorization;
        // The secret of a POST is in its body, which no other origin may have either.
        if (bytes !== undefined)
          throw new RegistryError("UNSAFE_URL", `POST ${redactUrl(url)}: redirected to "${redactUrl(target)}"`);
        return undefined;
      },
    });
    return {
      status: response.status,
      url: response.url,
      header: (name) => response.header(name),
      body: await response.read(textLimit),
    };
  };

  #warn(response: HttpResponse): void {
    for (const line of response.headerLines("warning")) {
      const text = parseWarning(line);
      if (text === undefined || this.#warned.has(text)) continue;
      this.#warned.add(text);
      this.#onWarning?.(text);
    }
  }

  /** Finds out whether the host speaks TLS, where it need not. */
  async #settle(signal: AbortSignal | undefined): Promise<void> {
    if (this.#endpoint.plainHttp !== "fallback") return;
    if (this.#settled === undefined) {
      this.#settled = this.#probe();
      // The next request asks again when the host could not be reached.
      this.#settled.catch(() => (this.#settled = undefined));
    }
    await unlessAborted(this.#settled, signal);
  }

  async #probe(): Promise<void> {
    try {
      const response = await this.#follow(new URL("v2/", this.#base), {
        method: "HEAD",
        headers: {},
        authorization: () => undefined,
      });
      await response.discard();
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error;
      // Only what plainly is no TLS: a certificate that does not verify must never lead to a way without any.
      const closed =
        faultCode(error.cause) === "ECONNREFUSED" && this.#base.port === "" && !this.registry.endsWith(":443");
      if (speaksNoTls(error) || closed) this.#base = withoutTls(this.#base);
      else if (error.transient) throw error;
    }
  }
}

// Others wait for the same answer, so it is not what is aborted.
async function unlessAborted(work: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal?.reason);
  signal?.addEventListener("abort", abort, { once: true });
  try {
    await Promise.race([work, aborted]);
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}

function withoutTls(base: URL): URL {
  const plain = new URL(base);
  plain.protocol = "http:";
  return plain;
}

// ECR answers 403 for a token that ran out.
function tokenExpired(error: RegistryError): boolean {
  return error.messages.some(({ message }) => /token has expired/i.test(message));
}
