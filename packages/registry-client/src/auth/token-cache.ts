import type { Options } from "@lading/oci";
import type { FoundCredential } from "./credential.ts";
import { cleanScopes } from "./scopes.ts";
import { fetchToken, type TokenFetch } from "./token.ts";

export interface TokenPlace {
  readonly realm: URL;
  readonly service: string | undefined;
  readonly scopes: readonly string[];
  readonly found: FoundCredential | undefined;
}

export interface WithdrawnToken {
  readonly key: string;
  readonly scopes: readonly string[];
  /** Milliseconds since it was issued to us. */
  readonly served: number;
  /** Requests it was given out for. */
  readonly uses: number;
}

interface Entry {
  readonly token: string;
  readonly scopes: readonly string[];
  readonly since: number;
  readonly until: number;
  uses: number;
}

interface Fetching {
  readonly token: Promise<string>;
  readonly controller: AbortController;
  waiting: number;
}

/** So many tokens are kept before those that are over are looked for. */
const roomy = 256;
/** Milliseconds before its end in which a token is not used any more, at most; a sixth of its life for short ones. */
const maxMargin = 10_000;

/** Tokens of one registry, by realm, service, scopes and user; those who want the same one share one fetch. */
export class TokenCache {
  readonly #registry: string;
  readonly #fetch: TokenFetch;
  readonly #now: () => number;
  readonly #onTrace: ((line: string) => void) | undefined;
  readonly #entries = new Map<string, Entry>();
  readonly #fetching = new Map<string, Fetching>();
  /** Refresh tokens that came in place of older ones. */
  readonly #renewed = new Map<string, string>();

  constructor(registry: string, fetch: TokenFetch, now: () => number, onTrace: ((line: string) => void) | undefined) {
    this.#registry = registry;
    this.#fetch = fetch;
    this.#now = now;
    this.#onTrace = onTrace;
  }

  /** A token that is still good. */
  get(place: TokenPlace): string | undefined {
    const entry = this.#entries.get(keyOf(place));
    if (entry === undefined || this.#now() >= entry.until) return undefined;
    entry.uses += 1;
    return entry.token;
  }

  /** A new token; good for at least one request. Throws RegistryError. */
  async fetch(place: TokenPlace, options: Options): Promise<string> {
    const { signal } = options;
    signal?.throwIfAborted();
    const key = keyOf(place);
    const fetching = this.#fetching.get(key) ?? this.#start(key, place);
    fetching.waiting += 1;
    // One who gives up must not end it for the others; the last one does.
    const given = Promise.withResolvers<never>();
    const leave = (): void => given.reject(signal?.reason);
    signal?.addEventListener("abort", leave, { once: true });
    try {
      const token = await Promise.race([fetching.token, given.promise]);
      const entry = this.#entries.get(key);
      if (entry?.token === token) entry.uses += 1;
      return token;
    } finally {
      signal?.removeEventListener("abort", leave);
      fetching.waiting -= 1;
      if (fetching.waiting === 0 && this.#fetching.get(key) === fetching) {
        this.#fetching.delete(key);
        fetching.controller.abort();
      }
    }
  }

  /** Forgets a token that was refused; undefined when it is not kept (any more). */
  withdraw(token: string): WithdrawnToken | undefined {
    for (const [key, entry] of this.#entries) {
      if (entry.token !== token) continue;
      this.#entries.delete(key);
      return { key, scopes: entry.scopes, served: this.#now() - entry.since, uses: entry.uses };
    }
    return undefined;
  }

  #start(key: string, place: TokenPlace): Fetching {
    const controller = new AbortController();
    const fetching: Fetching = { token: this.#get(key, place, controller.signal), controller, waiting: 0 };
    this.#fetching.set(key, fetching);
    const over = (): void => {
      if (this.#fetching.get(key) === fetching) this.#fetching.delete(key);
    };
    fetching.token.then(over, over);
    return fetching;
  }

  async #get(key: string, place: TokenPlace, signal: AbortSignal): Promise<string> {
    const found = this.#latest(place.found);
    const request = { ...place, found, registry: this.#registry };
    const { token, lifetime, age, refreshToken } = await fetchToken(request, this.#fetch, { signal });
    if (place.found?.credential.type === "identity" && refreshToken !== undefined)
      this.#renewed.set(place.found.credential.token, refreshToken);
    const since = this.#now();
    const left = Math.max(0, lifetime - age) * 1000;
    const until = since + left - Math.min(maxMargin, left / 6);
    if (this.#entries.size >= roomy) this.#prune(since);
    this.#entries.set(key, { token, scopes: place.scopes, since, until, uses: 0 });
    const whose = found === undefined ? "anonymously" : `with the credentials from ${found.from}`;
    const what = place.scopes.join(" ") || "no scope";
    this.#onTrace?.(`${this.#registry}: token from ${place.realm.origin} for ${what}, ${whose}, ${lifetime} s`);
    return token;
  }

  #latest(found: FoundCredential | undefined): FoundCredential | undefined {
    if (found?.credential.type !== "identity") return found;
    const token = this.#renewed.get(found.credential.token);
    return token === undefined ? found : { ...found, credential: { type: "identity", token } };
  }

  #prune(now: number): void {
    for (const [key, entry] of this.#entries) if (entry.until <= now) this.#entries.delete(key);
    for (const key of this.#entries.keys()) {
      if (this.#entries.size < roomy) break;
      this.#entries.delete(key);
    }
  }
}

function keyOf({ realm, service, scopes, found }: TokenPlace): string {
  const { credential } = found ?? {};
  const user = credential === undefined ? [] : Object.entries(credential);
  return JSON.stringify([realm.href, service, cleanScopes(scopes), user]);
}
