import { isIP } from "node:net";
import type { PortMapping } from "@lading/runner";
import { listed, misread } from "./misread.ts";

const flag = "publish";
const protocols = ["tcp", "udp"] as const;

/**
 * `[[ADDRESS:][HOSTPORT]:]PORT[/PROTOCOL]`, as docker's `--publish`: either port may be a range, of
 * the same length on both sides. Without a port of the host the kernel chooses. Throws UsageError.
 */
export function parsePublish(text: string): readonly PortMapping[] {
  const [, address, before, container = "", protocolText = "tcp"] =
    /^(?:(\[[^\]]*\]|[^:[\]]*):(?=[^:]*:))?(?:([^:]*):)?([^:/]+)(?:\/([^/]*))?$/.exec(text) ?? [];
  if (container === "")
    throw misread(
      flag,
      text,
      "expected [[ADDRESS:]HOSTPORT:]PORT[/PROTOCOL]",
      "For instance 8080:80, 127.0.0.1:8080:80 or 53:53/udp",
    );
  const protocol = protocols.find((each) => each === protocolText.toLowerCase());
  if (protocol === undefined)
    throw misread(flag, text, `"${protocolText}" is no protocol that can be published, expected ${listed(protocols)}`);
  const hostAddress = address === undefined ? undefined : hostAddressOf(text, address);
  const inside = portRange(text, container, 1);
  const outside = before === undefined || before === "" ? inside.map(() => 0) : portRange(text, before, 0);
  if (outside.length !== inside.length)
    throw misread(flag, text, `${outside.length} ports of the host cannot lead to ${inside.length} of the container`);
  return inside.map((containerPort, at) => ({
    hostAddress,
    hostPort: outside[at] ?? 0,
    containerPort,
    protocol,
  }));
}

/** The ports that an image exposes (image-spec, config.md §ExposedPorts), each at a port that the kernel chooses. */
export function publishExposed(exposed: readonly string[], published: readonly PortMapping[]): readonly PortMapping[] {
  return exposed
    .flatMap((port) => parsePublish(port))
    .filter(
      ({ containerPort, protocol }) =>
        !published.some((other) => other.containerPort === containerPort && other.protocol === protocol),
    );
}

function hostAddressOf(text: string, written: string): string {
  const bracketed = written.startsWith("[");
  const address = bracketed ? written.slice(1, -1) : written;
  if (isIP(address) !== (bracketed ? 6 : 4))
    throw misread(flag, text, `"${written}" is no address of the host, expected one such as 127.0.0.1 or [::1]`);
  return address;
}

function portRange(text: string, written: string, least: number): readonly number[] {
  const [, first, last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(written) ?? [];
  const from = Number(first);
  const to = Number(last);
  if (!(from >= least && to <= 65_535 && from <= to))
    throw misread(flag, text, `"${written}" is no port, expected a number up to 65535 or a range of them`);
  return Array.from({ length: to - from + 1 }, (_, at) => from + at);
}
