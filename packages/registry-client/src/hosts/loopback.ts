import ipaddr from "ipaddr.js";

/** Whether `host`, with or without port and brackets, can only be this machine: `localhost`, `*.localhost`, 127.0.0.0/8, ::1. */
export function isLoopbackHost(host: string): boolean {
  const name = hostnameOf(host).toLowerCase().replace(/\.$/, "");
  if (name === "localhost" || name.endsWith(".localhost")) return true;
  // Other spellings of IPv4 (`127.1`, `0x7f.0.0.1`) are left to be names: what is unclear is not loopback.
  if (ipaddr.IPv4.isValidFourPartDecimal(name)) return ipaddr.IPv4.parse(name).range() === "loopback";
  return ipaddr.IPv6.isValid(name) && ipaddr.process(name).range() === "loopback";
}

/** The host of `host:port` without port and brackets. */
export function hostnameOf(host: string): string {
  if (host.startsWith("[")) return host.slice(1).replace(/\].*$/, "");
  // Two colons or more are an IPv6 address without brackets.
  return host.indexOf(":") === host.lastIndexOf(":") ? host.replace(/:.*$/, "") : host;
}
