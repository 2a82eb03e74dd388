import { isIP } from "node:net";
import { RunnerError } from "../errors.ts";

/*
 * What /etc/hosts and /etc/resolv.conf say in a container: what podman (4 and 5) writes there, so
 * that a container sees the same whatever engine runs it. The host's own entries are taken over,
 * without its comments.
 */

export interface HostsRequest {
  /** The host's /etc/hosts. */
  readonly host: string;
  /** `NAME:ADDRESS`, the address may be `host-gateway`. They come first, so that they win. */
  readonly addHosts: readonly string[];
  /** Where the container reaches the host; undefined: nowhere. */
  readonly gateway: string | undefined;
  /** The address that is its own, and the names for it. */
  readonly own: { readonly address: string; readonly names: readonly string[] } | undefined;
}

/** The text of an /etc/hosts. Throws RunnerError SPEC for an entry of `addHosts` that is none. */
export function hostsFile({ host, addHosts, gateway, own }: HostsRequest): string {
  const lines = [
    ...addHosts.map((entry) => addedHost(entry, gateway)),
    ...hostEntries(host),
    ...(gateway === undefined ? [] : [`${gateway}\thost.containers.internal host.docker.internal`]),
    ...(own === undefined ? [] : [`${own.address}\t${[...new Set(own.names)].join(" ")}`]),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

function addedHost(entry: string, gateway: string | undefined): string {
  const colon = entry.indexOf(":");
  const name = entry.slice(0, Math.max(0, colon));
  const address = entry.slice(colon + 1).replace(/^\[(.*)\]$/, "$1");
  if (!/^[^\s:#]+$/.test(name)) throw new RunnerError("SPEC", `Cannot add host "${entry}": expected NAME:ADDRESS`);
  if (address === "host-gateway") {
    if (gateway !== undefined) return `${gateway}\t${name}`;
    throw new RunnerError("SPEC", `Cannot add host "${entry}": this network does not lead to the host`);
  }
  if (isIP(address) === 0)
    throw new RunnerError("SPEC", `Cannot add host "${entry}": "${address}" is not an IP address`);
  return `${address}\t${name}`;
}

function hostEntries(text: string): readonly string[] {
  const entries = statements(text).filter(([address = ""]) => isIP(address) !== 0);
  return entries.length === 0
    ? ["127.0.0.1\tlocalhost", "::1\tlocalhost"]
    : entries.map(([address = "", ...names]) => `${address}\t${names.join(" ")}`);
}

export interface ResolvConfRequest {
  /** The host's /etc/resolv.conf. */
  readonly host: string;
  /** What systemd-resolved asks itself (/run/systemd/resolve/resolv.conf), where it is the host's only server. */
  readonly upstream: string | undefined;
  /** Servers in place of the host's. */
  readonly dns: readonly string[];
}

// As docker and podman have it where the host names no server that a container reaches.
const publicServers = ["8.8.8.8", "8.8.4.4"];

/**
 * The text of an /etc/resolv.conf for an address of one's own: without servers on the host's loopback
 * interface, which is another one inside, and without those of IPv6, which the bridge does not have.
 * Search domains and options stay the host's.
 */
export function resolvConf({ host, upstream, dns }: ResolvConfRequest): string {
  const reachable = (text: string): readonly string[] =>
    values(text, "nameserver").filter((server) => isIP(server) === 4 && !server.startsWith("127."));
  const servers = [dns, reachable(host), reachable(upstream ?? ""), publicServers].find(({ length }) => length > 0);
  const search = values(host, "search").filter((domain) => domain !== ".");
  const options = values(host, "options");
  return [
    ...(search.length === 0 ? [] : [`search ${search.join(" ")}`]),
    ...(servers ?? []).map((server) => `nameserver ${server}`),
    ...(options.length === 0 ? [] : [`options ${options.join(" ")}`]),
  ]
    .map((line) => `${line}\n`)
    .join("");
}

/** The host's /etc/resolv.conf with other servers (resolv.conf(5)). */
export function withServers(host: string, dns: readonly string[]): string {
  if (dns.length === 0) return host;
  const rest = statements(host).filter(([keyword]) => keyword !== "nameserver");
  return [...dns.map((server) => ["nameserver", server]), ...rest].map((line) => `${line.join(" ")}\n`).join("");
}

function values(text: string, keyword: string): readonly string[] {
  return statements(text).flatMap(([word, ...rest]) => (word === keyword ? rest : []));
}

/** Lines as words; comments begin with # or ;. */
function statements(text: string): readonly string[][] {
  return text
    .split("\n")
    .map((line) => line.replace(/(?:#|^\s*;).*$/, "").trim())
    .filter((line) => line !== "")
    .map((line) => line.split(/\s+/));
}
