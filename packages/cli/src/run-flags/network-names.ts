import { isIP } from "node:net";
import { misread } from "./misread.ts";

/** `NAME:ADDRESS` or `NAME=ADDRESS`, as docker's `--add-host`; the address may be `host-gateway`. Throws UsageError. */
export function parseAddHost(text: string): string {
  const [, name = "", written = ""] = /^([^:=\s]+)[:=](\S+)$/.exec(text) ?? [];
  if (name === "")
    throw misread("add-host", text, "expected NAME:ADDRESS", "For instance db:10.0.0.5 or host:host-gateway");
  const address = written.replace(/^\[(.*)\]$/, "$1");
  if (address !== "host-gateway" && isIP(address) === 0)
    throw misread("add-host", text, `"${address}" is no address, expected one or host-gateway`);
  return `${name}:${address}`;
}

/** `--dns`: the address of a server of names. Throws UsageError. */
export function parseDns(text: string): string {
  if (isIP(text) === 0) throw misread("dns", text, "expected an address, as in 9.9.9.9");
  return text;
}

/** `--hostname` (RFC 1123; at most what the kernel takes). Throws UsageError. */
export function parseHostname(text: string): string {
  if (/^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/i.test(text) && text.length <= 64) return text;
  throw misread("hostname", text, "expected at most 64 letters, digits, dots and dashes");
}
