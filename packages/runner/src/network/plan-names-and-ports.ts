import { isIP } from "node:net";
import type { ContainerPlan } from "../container-plan.ts";
import { RunnerError } from "../errors.ts";
import type { NetworkSource, PortMapping, RunSpec } from "../run-spec.ts";
import { hostsFile } from "./container-files.ts";

/** What a plan says of ports and names, where its network can have them. Throws RunnerError SPEC. */
export function planNamesAndPorts(
  { ports = [], dns = [], addHosts = [] }: Pick<RunSpec, "ports" | "dns" | "addHosts">,
  network: NetworkSource,
): Pick<ContainerPlan, "ports" | "dns" | "addHosts"> {
  if (ports.length > 0 && network !== "bridge")
    throw new RunnerError("SPEC", "Cannot publish ports: that takes --network bridge");
  for (const port of ports) checkPort(port, ports);
  const isShared = typeof network === "object" && "container" in network;
  if (dns.length > 0 && (isShared || network === "none"))
    throw new RunnerError(
      "SPEC",
      `Cannot choose servers of names: ${isShared ? "the other container's are used" : "without a network there is nobody to ask"}`,
    );
  const server = dns.find((address) => isIP(address) === 0);
  if (server !== undefined) throw new RunnerError("SPEC", `Cannot ask "${server}" for names: expected an IP address`);
  if (addHosts.length > 0 && isShared)
    throw new RunnerError("SPEC", "Cannot add hosts: /etc/hosts is the other container's");
  // Which address the host's is shows when the container starts; here it matters whether there is one.
  const gateway = network === "bridge" || network === "host" ? "0.0.0.0" : undefined;
  hostsFile({ host: "", addHosts, gateway, own: undefined });
  return { ports, dns, addHosts };
}

function checkPort(port: PortMapping, all: readonly PortMapping[]): void {
  const { hostAddress, hostPort, containerPort, protocol } = port;
  if (!isPort(containerPort, 1) || !isPort(hostPort, 0))
    throw new RunnerError("SPEC", `Cannot publish port ${hostPort}:${containerPort}: ports are 1 to 65535`);
  if (hostAddress !== undefined && isIP(hostAddress) === 0)
    throw new RunnerError("SPEC", `Cannot publish port ${hostPort} of "${hostAddress}": expected an IP address`);
  const same = all.filter(
    (other) => other.hostPort === hostPort && other.protocol === protocol && other.hostAddress === hostAddress,
  );
  if (hostPort !== 0 && same.length > 1)
    throw new RunnerError("SPEC", `Cannot publish port ${hostPort}/${protocol} twice`);
}

function isPort(value: number, least: number): boolean {
  return Number.isInteger(value) && value >= least && value <= 65_535;
}
