import { createHash } from "node:crypto";
import { existsSync, readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { RunnerError } from "../errors.ts";
import { readJson, replaceJson } from "../state/json-file.ts";
import { freeSubnet, takenRanges } from "./free-subnet.ts";
import { formatIpv4, overlap, parseIpv4Range } from "./ipv4.ts";

/** A bridge of the host and the addresses behind it. */
export interface Bridge {
  /** The network's name, which also marks its rules. */
  readonly name: string;
  /** The interface, at most 15 characters. */
  readonly bridge: string;
  /** `10.208.4.0/22`. */
  readonly subnet: string;
}

export const bridgeDocument = z.object({ name: z.string(), bridge: z.string(), subnet: z.string() });

/**
 * The bridge of a state folder, which `network.json` in it remembers: another one than any other
 * folder's, in addresses that this machine has no other use for. Unless it is in use, the addresses
 * are chosen anew when somebody else has come to use them. Throws RunnerError UNSUPPORTED when none are free.
 */
export function bridgeOf(root: string, isUsed: boolean): Bridge {
  const file = join(root, "network.json");
  const known = bridgeDocument.safeParse(readJson(file)).data;
  if (known !== undefined && (isUsed || existsSync(`/sys/class/net/${known.bridge}`))) return known;
  const hash = createHash("sha256").update(realpathSync(root)).digest();
  const name = known?.name ?? `lading-${hash.toString("hex", 0, 4)}`;
  const bridge = known?.bridge ?? name.replace("-", "");
  const taken = takenRanges(bridge);
  if (known !== undefined && !taken.some((range) => overlap(range, parseIpv4Range(known.subnet)))) return known;
  const subnet = freeSubnet(hash.readUInt32BE(4), taken);
  if (subnet === undefined)
    throw new RunnerError("UNSUPPORTED", "Cannot set up the bridge: this machine has routes to all private addresses");
  const chosen = { name, bridge, subnet };
  replaceJson(file, chosen);
  return chosen;
}

/** The host's own address on a bridge: the first of its subnet, as the plugin host-local has it. */
export function gatewayOf({ subnet }: Bridge): string {
  return formatIpv4(parseIpv4Range(subnet).base + 1);
}

/** Bytes of a packet that gets out of this machine whole: of the interface that the default route leads to. */
export function outwardMtu(): number {
  try {
    const [, name] = /^(\S+)\t0{8}\t/m.exec(readFileSync("/proc/net/route", "utf8")) ?? [];
    return name === undefined ? usualMtu : Number(readFileSync(`/sys/class/net/${name}/mtu`, "utf8"));
  } catch {
    return usualMtu;
  }
}

const usualMtu = 1500;
