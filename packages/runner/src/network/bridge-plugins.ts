import { isIPv6 } from "node:net";
import type { PortMapping } from "../run-spec.ts";
import { type Bridge, outwardMtu } from "./bridge.ts";
import type { PluginConfig } from "./cni-plugin.ts";

/**
 * The plugins that connect a container, in the order of ADD: an interface with an address on the
 * bridge, and rules that lead its ports of the host there. `ipam` is the folder where addresses in
 * use are kept.
 */
export function bridgePlugins(
  { bridge, subnet }: Bridge,
  ports: readonly PortMapping[],
  ipam: string,
): readonly PluginConfig[] {
  const interfacePlugin: PluginConfig = {
    type: "bridge",
    bridge,
    isGateway: true,
    // A container reaches itself by its port of the host.
    hairpinMode: true,
    mtu: outwardMtu(),
    ipam: { type: "host-local", dataDir: ipam, ranges: [[{ subnet }]], routes: [{ dst: "0.0.0.0/0" }] },
  };
  // What comes by IPv6 is passed on by the sockets that hold the ports.
  const portMappings = ports
    .filter(({ hostAddress = "" }) => !isIPv6(hostAddress))
    .map(({ hostAddress = "0.0.0.0", hostPort, containerPort, protocol }) => {
      const hostIP = hostAddress === "0.0.0.0" ? undefined : hostAddress;
      return { hostIP, hostPort, containerPort, protocol };
    });
  // With `snat`, 127.0.0.1 leads there as well.
  const portPlugin = { type: "portmap", snat: true, runtimeConfig: { portMappings } };
  return portMappings.length === 0 ? [interfacePlugin] : [interfacePlugin, portPlugin];
}

/** What of the CNI is needed to be installed: `bridge` runs `host-local` itself. */
export const neededPlugins = ["bridge", "host-local", "portmap"] as const;
