import ipaddr from "ipaddr.js";
import { RegistryError } from "../errors.ts";
import { hostnameOf, isLoopbackHost } from "./loopback.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Tells the proxy for a URL; undefined: none. */
export type ProxyFor = (url: URL) => URL | undefined;

const defaultPorts: Readonly<Record<string, string>> = { "http:": "80", "https:": "443" };

/**
 * Proxies as the environment has them: HTTPS_PROXY and HTTP_PROXY by the URL's scheme, else ALL_PROXY;
 * names in lower case first. NO_PROXY is a list of `*`, hosts (and what is below them), `.suffixes`,
 * addresses and networks (`10.0.0.0/8`), each but `*` and networks perhaps with a port. This machine
 * is never reached by a proxy, as with Go's clients. Throws RegistryError CONFIG, once a proxy that
 * cannot be used is needed.
 */
export function proxyFromEnvironment(env: Environment): ProxyFor {
  const exceptions = (read(env, "no_proxy")?.value ?? "")
    .split(/[\s,]+/)
    .flatMap((text) => (text === "" ? [] : parseException(text.toLowerCase())));

  return (url) => {
    const setting = read(env, url.protocol === "https:" ? "https_proxy" : "http_proxy") ?? read(env, "all_proxy");
    if (setting === undefined || isLoopbackHost(url.hostname)) return undefined;
    const host = hostnameOf(url.hostname.toLowerCase()).replace(/\.$/, "");
    const port = url.port === "" ? (defaultPorts[url.protocol] ?? "") : url.port;
    if (exceptions.some((matches) => matches(host, port))) return undefined;
    return parseProxy(setting.name, setting.value);
  };
}

function read(env: Environment, name: string): { readonly name: string; readonly value: string } | undefined {
  for (const spelling of [name, name.toUpperCase()]) {
    const value = env[spelling]?.trim();
    if (value !== undefined && value !== "") return { name: spelling, value };
  }
  return undefined;
}

function parseProxy(name: string, value: string): URL {
  const text = value.includes("://") ? value : `http://${value}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  // The value may hold a password.
  if (url === undefined || url.hostname === "")
    throw new RegistryError("CONFIG", `Cannot use the proxy of ${name}: it is not a URL`);
  if (!["http:", "https:", "socks5:", "socks5h:"].includes(url.protocol))
    throw new RegistryError(
      "CONFIG",
      `Cannot use the proxy of ${name}: ${JSON.stringify(url.protocol)} is none of http, https and socks5`,
    );
  return url;
}

function parseException(text: string): ((host: string, port: string) => boolean) | [] {
  if (text === "*") return () => true;
  if (text.includes("/")) {
    if (!ipaddr.isValidCIDR(text)) return [];
    const [network, bits] = ipaddr.parseCIDR(text);
    return (host) => {
      const address = parseAddress(host);
      return address !== undefined && address.kind() === network.kind() && address.match(network, bits);
    };
  }
  const name = hostnameOf(text).replace(/\.$/, "");
  const rest = text.startsWith("[") ? text.replace(/^.*\]/, "") : text.slice(name.length);
  const wanted = /^:(\d+)$/.exec(rest)?.[1];
  const address = parseAddress(name)?.toNormalizedString();
  const suffix = name.startsWith("*.") ? name.slice(1) : name;
  return (host, port) => {
    if (wanted !== undefined && wanted !== port) return false;
    if (address !== undefined) return parseAddress(host)?.toNormalizedString() === address;
    // `.example.com` is what is below it only, `example.com` both.
    return suffix.startsWith(".") ? host.endsWith(suffix) : host === suffix || host.endsWith(`.${suffix}`);
  };
}

function parseAddress(host: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  if (ipaddr.IPv4.isValidFourPartDecimal(host)) return ipaddr.IPv4.parse(host);
  return ipaddr.IPv6.isValid(host) ? ipaddr.process(host) : undefined;
}
