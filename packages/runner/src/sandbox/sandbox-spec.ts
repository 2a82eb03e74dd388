import type { RunSpec } from "../run-spec.ts";

/** What the containers of a sandbox have in common. */
export type SandboxSpec = Pick<
  RunSpec,
  | "name"
  | "labels"
  | "network"
  | "ports"
  | "dns"
  | "addHosts"
  | "hostname"
  | "sysctls"
  | "shmSize"
  | "userns"
  | "bestEffort"
>;

/**
 * How to run `pauseImage` so that it holds namespaces for other containers: they join those that they
 * want by `{ container }`. It has the least of everything else. `network`: default `bridge`.
 */
export function sandboxSpec({ network = "bridge", ...spec }: SandboxSpec = {}): RunSpec {
  return {
    ...spec,
    network,
    profile: "strict",
    pid: "private",
    ipc: "private",
    ...(network === "host" ? {} : { uts: "private" }),
    // Process 1 of the namespace that others join is the program that reaps their orphans.
    init: false,
    stopTimeout: 1000,
  };
}
