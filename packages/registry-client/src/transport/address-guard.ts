import { lookup as systemLookup } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import ipaddr from "ipaddr.js";
import { RegistryError } from "../errors.ts";
import { redactUrl } from "./redact.ts";

/*
 * A registry names URLs of other hosts: in redirects, realms, Location, Link and `urls`. None of
 * them may make us talk to what only we can reach (a metadata service, a printer, a database on
 * loopback), unless the registry itself is reached in the same kind of network. Names are judged by
 * the addresses that are then connected to, so a name cannot change its mind in between.
 */

/** Decides which hosts that a registry names may be talked to. */
export class AddressGuard {
  readonly #lookup: LookupFunction;
  /** Kinds of addresses that the registry itself was found at: `loopback`, `private` … */
  readonly #kinds = new Set<string>();

  constructor(registry: URL, lookup: LookupFunction = systemLookup) {
    this.#lookup = lookup;
    const kind = literalKind(registry);
    if (kind !== undefined) this.#kinds.add(kind);
  }

  /**
   * Checks what can be seen of a URL without asking a name server. `what` says where it came from:
   * "the redirect of GET https://…", and `kind` what people take the host for. Throws RegistryError UNSAFE_URL.
   */
  check(url: URL, registry: URL, what: string, kind: "registry" | "web" = "registry"): void {
    if (url.origin === registry.origin) return;
    const refuse = (reason: string, hint?: string): RegistryError =>
      new RegistryError(
        "UNSAFE_URL",
        `Cannot follow ${what} to "${redactUrl(url, kind)}": ${reason}`,
        hint === undefined ? {} : { hint },
      );
    if (url.protocol !== "https:" && url.protocol !== "http:") throw refuse("it is neither https nor http");
    if (url.username !== "" || url.password !== "") throw refuse("it holds credentials");
    if (url.protocol === "http:" && registry.protocol === "https:")
      throw refuse(
        "it would leave https",
        url.hostname === registry.hostname
          ? "The server does not know that it is behind a TLS proxy: the proxy must send X-Forwarded-Proto: https"
          : undefined,
      );
    const address = literalKind(url);
    if (address !== undefined && !this.#allows(address)) throw refuse(`${url.hostname} is ${article(address)} address`);
  }

  /** For connections to the registry itself: any address, whose kind is noted. */
  readonly ownLookup: LookupFunction = (hostname, options, callback) => {
    this.#lookup(hostname, { ...options, all: true }, (error, found) => {
      for (const { address } of entries(found)) this.#kinds.add(addressKind(address));
      answer(options, error, entries(found), callback);
    });
  };

  /** For connections to other hosts: only addresses that are allowed. */
  readonly guardedLookup: LookupFunction = (hostname, options, callback) => {
    this.#lookup(hostname, { ...options, all: true }, (error, found) => {
      const all = entries(found);
      const allowed = all.filter(({ address }) => this.#allows(addressKind(address)));
      const [first] = all;
      if (error !== null || first === undefined || allowed.length > 0) return answer(options, error, allowed, callback);
      const refusal = new RegistryError(
        "UNSAFE_URL",
        `Cannot connect to "${hostname}": another host named it, and it is at ${first.address}, ${article(addressKind(first.address))} address`,
      );
      return answer(options, refusal, [], callback);
    });
  };

  #allows(kind: string): boolean {
    return kind === "unicast" || this.#kinds.has(kind);
  }
}

interface Address {
  readonly address: string;
  readonly family: number;
}

// With `all` the answer is a list; a lookup of somebody's own may still give one.
function entries(found: string | readonly Address[] | undefined): readonly Address[] {
  if (typeof found === "string") return [{ address: found, family: isIP(found) }];
  return found ?? [];
}

function answer(
  options: { readonly all?: boolean | undefined },
  error: NodeJS.ErrnoException | null,
  found: readonly Address[],
  callback: Parameters<LookupFunction>[2],
): void {
  const [first] = found;
  if (error !== null) callback(error, "");
  else if (options.all === true) callback(null, [...found]);
  else callback(null, first?.address ?? "", first?.family);
}

/** The kind of address a URL names by itself; undefined for a name. The URL parser has already read decimal and hex spellings. */
function literalKind({ hostname }: URL): string | undefined {
  const bare = hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "");
  if (bare === "localhost" || bare.endsWith(".localhost")) return "loopback";
  return isIP(bare) === 0 ? undefined : addressKind(bare);
}

/** `unicast` for what everybody can reach; IPv6 forms of IPv4 addresses are what they stand for. */
export function addressKind(address: string): string {
  if (!ipaddr.isValid(address)) return "reserved";
  const parsed = ipaddr.process(address.replace(/%.*$/, ""));
  if (parsed.kind() === "ipv4") return parsed.range();
  const range = parsed.range();
  // NAT64 (RFC 6052): how hosts without IPv4 reach all of it.
  if (range === "rfc6052") return addressKind(ipaddr.fromByteArray(parsed.toByteArray().slice(12)).toString());
  return range === "uniqueLocal" ? "private" : range;
}

function article(kind: string): string {
  const words = kind.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return `${/^[aeiou]/.test(words) ? "an" : "a"} ${words}`;
}
