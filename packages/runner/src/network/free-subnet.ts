import { readFileSync } from "node:fs";
import { endianness, networkInterfaces } from "node:os";
import { formatIpv4Range, type Ipv4Range, overlap, parseIpv4Range, sizeOf } from "./ipv4.ts";

// Parts of the private ranges (RFC 1918) that docker, podman, Kubernetes and home routers leave alone by default.
const pools = ["10.208.0.0/12", "172.24.0.0/13", "192.168.192.0/18"].map(parseIpv4Range);
const subnetBits = 22;

/**
 * A subnet of 1022 addresses that overlaps with nothing in `taken`. Where the search begins is `seed`'s
 * choice, so that those who do not know of each other rarely choose the same. undefined: all are taken.
 */
export function freeSubnet(seed: number, taken: readonly Ipv4Range[]): string | undefined {
  for (const pool of pools) {
    const count = sizeOf(pool.bits) / sizeOf(subnetBits);
    for (let index = 0; index < count; index++) {
      const base = pool.base + ((seed + index) % count) * sizeOf(subnetBits);
      const subnet = { base, bits: subnetBits };
      if (!taken.some((range) => overlap(range, subnet))) return formatIpv4Range(subnet);
    }
  }
  return undefined;
}

/** What the machine reaches by routes, has as addresses or asks for names, but for what is at interface `except`. */
export function takenRanges(except: string): readonly Ipv4Range[] {
  return [
    ...routedRanges(readFileSync("/proc/net/route", "utf8"), except),
    ...Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
      addresses.flatMap(({ family, cidr }) =>
        family === "IPv4" && cidr !== null && name !== except ? [parseIpv4Range(cidr)] : [],
      ),
    ),
    ...nameServers(),
  ];
}

/** The destinations of a /proc/net/route but the default's. */
export function routedRanges(table: string, except: string): readonly Ipv4Range[] {
  return table
    .trim()
    .split("\n")
    .slice(1)
    .map((line) => line.split("\t").map((field) => field.trim()))
    .filter(([name]) => name !== except)
    .map(([, destination = "", , , , , , mask = ""]) => ({
      base: hostOrder(destination),
      bits: hostOrder(mask).toString(2).replaceAll("0", "").length,
    }))
    .filter(({ bits }) => bits > 0);
}

/** The kernel prints the four bytes of an address as one number of the machine. */
function hostOrder(hex: string): number {
  const bytes = Buffer.from(hex, "hex");
  return (endianness() === "LE" ? bytes.toReversed() : bytes).reduce((sum, byte) => sum * 256 + byte, 0);
}

function nameServers(): readonly Ipv4Range[] {
  try {
    const text = readFileSync("/etc/resolv.conf", "utf8");
    return [...text.matchAll(/^nameserver\s+(\d+\.\d+\.\d+\.\d+)\s*$/gm)].map(([, server = ""]) =>
      parseIpv4Range(server),
    );
  } catch {
    return [];
  }
}
