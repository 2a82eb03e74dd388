import type { Options } from "@lading/oci";
import { RegistryError } from "../errors.ts";
import type { Scope } from "../transport/registry-host.ts";
import { type Challenge, parseChallenges } from "./challenge.ts";
import type { FoundCredential, Keychain } from "./credential.ts";
import { parseRealm } from "./realm.ts";
import { formatScopes, mergeScopes, parseScopes, scopesCover } from "./scopes.ts";
import { basicHeader, type TokenFetch } from "./token.ts";
import { TokenCache } from "./token-cache.ts";

export type { TokenFetch } from "./token.ts";

export interface AuthorizerOptions {
  /** As names have it: `docker.io`. */
  readonly registry: string;
  readonly keychain: Keychain;
  readonly fetch: TokenFetch;
  /** Where the registry is, its scheme settled. Default: https at `registry`. */
  readonly base?: () => URL;
  /** Milliseconds of a clock that may be set. Default: `Date.now`. */
  readonly now?: () => number;
  /** Told what was asked for and with whose credentials; never a secret. */
  readonly onTrace?: (line: string) => void;
}

/** More scopes than this are not asked for together: they go into a URL. */
const maxTogether = 10;
/** How many tokens in a row may be refused at their first use. */
const maxRefusals = 1;

/**
 * Finds the `Authorization` header for requests to one registry. Nothing is sent before the registry
 * asks for it (401). Its challenge is remembered then, and tokens are kept by realm, service, scopes
 * and user. Credentials go to the registry itself (Basic) or to its realm, see `parseRealm`.
 */
export class Authorizer {
  readonly #registry: string;
  readonly #keychain: Keychain;
  readonly #base: () => URL;
  readonly #onTrace: ((line: string) => void) | undefined;
  readonly #tokens: TokenCache;
  readonly #credentials = new Map<string, Promise<FoundCredential | undefined>>();
  readonly #found = new Map<string, FoundCredential | undefined>();
  #challenge: Challenge | undefined;
  /** Scopes that challenges named beyond those of the request, by request. */
  readonly #more = new Map<string, readonly string[]>();
  /** All scopes that were asked for on behalf of a repository. */
  readonly #together = new Map<string, readonly string[]>();
  /** Repositories whose scopes are asked for one by one: the token server would not give them together. */
  readonly #apart = new Set<string>();
  readonly #refusals = new Map<string, number>();

  constructor(options: AuthorizerOptions) {
    const { registry, keychain, fetch, base, now = Date.now, onTrace } = options;
    this.#registry = registry;
    this.#keychain = keychain;
    this.#base = base ?? (() => new URL(`https://${registry}/`));
    this.#onTrace = onTrace;
    this.#tokens = new TokenCache(registry, fetch, now, onTrace);
  }

  /**
   * The header for a request to the registry itself; undefined while none is known to be needed, or
   * there is nothing to send. Takes a token from the cache, or gets one. Throws RegistryError.
   */
  async header(repository: string, scopes: readonly Scope[], options: Options = {}): Promise<string | undefined> {
    const challenge = this.#challenge;
    if (challenge === undefined) return undefined;
    const found = await this.#credential(repository, options);
    if (found?.credential.type === "bearer") return `Bearer ${found.credential.token}`;
    if (challenge.scheme === "basic") return found === undefined ? undefined : basicHeader(found);

    const place = {
      realm: parseRealm(challenge.params.get("realm"), this.#registry, this.#base()),
      service: challenge.params.get("service"),
      found,
    };
    const { own, together } = this.#wanted(repository, scopes);
    const known = this.#tokens.get({ ...place, scopes: together }) ?? this.#tokens.get({ ...place, scopes: own });
    if (known !== undefined) return `Bearer ${known}`;
    try {
      const token = await this.#tokens.fetch({ ...place, scopes: together }, options);
      this.#together.set(repository, together);
      return `Bearer ${token}`;
    } catch (error) {
      // A user may well be refused the sum of what he gets one by one.
      if (together.length === own.length && scopesCover(own, together)) throw error;
      if (!(error instanceof RegistryError) || error.transient || error.status === undefined) throw error;
      this.#apart.add(repository);
      return `Bearer ${await this.#tokens.fetch({ ...place, scopes: own }, options)}`;
    }
  }

  /**
   * Takes in the `WWW-Authenticate` values of a refusal (401, or 403 of an expired token) to a request
   * that was sent with `sent`. True: ask `header` again and repeat the request; the caller sees to it
   * that this ends after a few rounds. False: nothing better is to be had. Throws RegistryError for challenges that
   * cannot be met.
   */
  async challenged(
    challenges: readonly string[],
    repository: string,
    scopes: readonly Scope[],
    sent: string | undefined,
    options: Options = {},
  ): Promise<boolean> {
    const challenge = this.#choose(challenges);
    if (challenge === undefined && sent === undefined) return false;
    const before = this.#challenge;
    if (challenge !== undefined) this.#challenge = challenge;
    const found = await this.#credential(repository, options);
    const scheme = (challenge ?? before)?.scheme;

    if (sent === undefined) {
      if (challenge?.scheme === "bearer") this.#learn(challenge, repository, scopes);
      return found === undefined ? scheme === "bearer" : scheme === "bearer" || found.credential.type !== "identity";
    }
    if (found?.credential.type === "bearer") return await this.#lookAgain(repository, sent, options);
    // Some registries take tokens at one address and passwords at another.
    if (scheme !== undefined && !sent.toLowerCase().startsWith(scheme))
      return found !== undefined || scheme === "bearer";
    if (scheme === "basic") return await this.#lookAgain(repository, sent, options);
    return this.#bearerRefused(challenge, repository, scopes, sent);
  }

  /** What to tell the user whose request was refused in the end, as one sentence. */
  refusal(repository: string): string {
    const found = this.#found.get(repository);
    return found === undefined
      ? `No credentials were found: use "lading login ${this.#registry}"`
      : `The credentials come from ${found.from}; they are wrong, or not allowed to do this`;
  }

  #bearerRefused(
    challenge: Challenge | undefined,
    repository: string,
    scopes: readonly Scope[],
    sent: string,
  ): boolean {
    const refused = this.#tokens.withdraw(sent.replace(/^bearer /i, ""));
    // Somebody else has a newer one already.
    if (refused === undefined) return true;
    const learned = challenge !== undefined && this.#learn(challenge, repository, scopes, refused.scopes);
    if (learned) return true;
    if (challenge?.params.get("error") === "insufficient_scope") {
      const { own } = this.#wanted(repository, scopes);
      if (this.#apart.has(repository) || scopesCover(own, refused.scopes)) return false;
      // The token server has read the first of several scopes only.
      this.#apart.add(repository);
      return true;
    }
    // A token that was taken before has run out.
    const count = refused.uses > 1 || refused.served > 1000 ? 1 : (this.#refusals.get(refused.key) ?? 0) + 1;
    this.#refusals.set(refused.key, count);
    return count <= maxRefusals;
  }

  /** Remembers scopes that a challenge wants beyond `asked`, once. */
  #learn(
    challenge: Challenge,
    repository: string,
    scopes: readonly Scope[],
    asked: readonly string[] = formatScopes(scopes),
  ): boolean {
    const wanted = parseScopes(challenge.params.get("scope"));
    const key = requestKey(repository, scopes);
    const more = this.#more.get(key) ?? [];
    if (wanted.length > maxTogether || scopesCover(asked, wanted) || scopesCover(more, wanted)) return false;
    this.#more.set(key, mergeScopes(wanted, more));
    return true;
  }

  /** Scopes for a request alone, and together with all that was asked for before. Those of a challenge go first, see `mergeScopes`. */
  #wanted(repository: string, scopes: readonly Scope[]): { own: readonly string[]; together: readonly string[] } {
    const own = mergeScopes(this.#more.get(requestKey(repository, scopes)) ?? [], formatScopes(scopes));
    if (this.#apart.has(repository)) return { own, together: own };
    const together = mergeScopes(own, this.#together.get(repository) ?? []);
    return { own, together: together.length > maxTogether ? own : together };
  }

  #choose(headers: readonly string[]): Challenge | undefined {
    const all: Challenge[] = [];
    let malformed: unknown;
    for (const header of headers) {
      try {
        all.push(...parseChallenges([header]));
      } catch (error) {
        malformed = error;
      }
    }
    const chosen = all.find(({ scheme }) => scheme === "bearer") ?? all.find(({ scheme }) => scheme === "basic");
    if (chosen !== undefined) return chosen;
    const attempt = `Cannot log in to ${JSON.stringify(this.#registry)}`;
    if (malformed !== undefined)
      throw new RegistryError("INVALID_RESPONSE", `${attempt}: its challenge cannot be read`, { cause: malformed });
    if (all.length === 0) return undefined;
    const schemes = all.map(({ scheme }) => JSON.stringify(scheme.slice(0, 50))).join(", ");
    throw new RegistryError("UNSUPPORTED", `${attempt}: it asks for ${schemes}, known are "basic" and "bearer"`);
  }

  /** Whether there are other credentials than those of `sent` by now: helpers give out short-lived ones. */
  async #lookAgain(repository: string, sent: string, options: Options): Promise<boolean> {
    const inUse = await this.#header(repository, options);
    if (inUse !== undefined && inUse !== sent) return true;
    this.#credentials.delete(repository);
    const fresh = await this.#header(repository, options);
    return fresh !== undefined && fresh !== sent;
  }

  async #header(repository: string, options: Options): Promise<string | undefined> {
    const found = await this.#credential(repository, options);
    if (found === undefined) return undefined;
    return found.credential.type === "bearer" ? `Bearer ${found.credential.token}` : basicHeader(found);
  }

  async #credential(repository: string, options: Options): Promise<FoundCredential | undefined> {
    const known = this.#credentials.get(repository);
    if (known !== undefined) {
      try {
        return await known;
      } catch (error) {
        // It may have ended because somebody else gave up.
        if (this.#credentials.get(repository) === known) this.#credentials.delete(repository);
        if (error instanceof RegistryError) throw error;
        options.signal?.throwIfAborted();
        return await this.#credential(repository, options);
      }
    }
    const finding = this.#keychain.find(this.#registry, repository, options);
    this.#credentials.set(repository, finding);
    try {
      const found = await finding;
      this.#found.set(repository, found);
      const whose = found === undefined ? "no credentials, going on anonymously" : `credentials from ${found.from}`;
      this.#onTrace?.(`${this.#registry}/${repository}: ${whose}`);
      return found;
    } catch (error) {
      if (this.#credentials.get(repository) === finding) this.#credentials.delete(repository);
      throw error;
    }
  }
}

function requestKey(repository: string, scopes: readonly Scope[]): string {
  return `${repository} ${formatScopes(scopes).join(" ")}`;
}
