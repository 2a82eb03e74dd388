import { expect, test } from "vitest";
import { planNamesAndPorts } from "./plan-names-and-ports.ts";

const web = { hostPort: 8080, containerPort: 80, protocol: "tcp" } as const;

test("ports, servers and hosts are as they were asked for", () => {
  const asked = { ports: [web, { ...web, protocol: "udp" as const }], dns: ["::1"], addHosts: ["up:host-gateway"] };
  expect(planNamesAndPorts(asked, "bridge")).toEqual(asked);
  expect(planNamesAndPorts({}, "none")).toEqual({ ports: [], dns: [], addHosts: [] });
});

test.each([
  [{ ports: [web] }, "host", "that takes --network bridge"],
  [{ ports: [{ ...web, containerPort: 0 }] }, "bridge", "ports are 1 to 65535"],
  [{ ports: [{ ...web, hostAddress: "localhost" }] }, "bridge", "expected an IP address"],
  [{ ports: [web, { ...web, containerPort: 81 }] }, "bridge", "Cannot publish port 8080/tcp twice"],
  [{ dns: ["9.9.9.9"] }, "none", "nobody to ask"],
  [{ dns: ["9.9.9.9"] }, { container: "web" }, "the other container's are used"],
  [{ dns: ["dns.example"] }, "bridge", "expected an IP address"],
  [{ addHosts: ["a:1.2.3.4"] }, { container: "web" }, "/etc/hosts is the other container's"],
  [{ addHosts: ["a:host-gateway"] }, "none", "does not lead to the host"],
  [{ addHosts: ["a"] }, "bridge", "expected NAME:ADDRESS"],
] as const)("%j is refused with %j", (spec, network, message) => {
  expect(() => planNamesAndPorts(spec, network)).toThrow(expect.objectContaining({ code: "SPEC" }));
  expect(() => planNamesAndPorts(spec, network)).toThrow(message);
});
