import type { ContainerPlan } from "../container-plan.ts";
import { RunnerError } from "../errors.ts";

const ipcSysctls = /^(?:fs\.mqueue\.\w+|kernel\.(?:msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced))$/;

/** Only those of the container's own namespaces: any other would be the host's. Throws RunnerError SPEC. */
export function sysctlsOf(
  asked: Readonly<Record<string, string>>,
  { network, ipc, uts, user }: ContainerPlan["namespaces"],
): Readonly<Record<string, string>> {
  const ownNetwork = network === "bridge" || network === "none";
  for (const [name, value] of Object.entries(asked)) {
    // A name is a path, in which dots are slashes and slashes are dots (sysctl(8)).
    const own = /^net\.[\w-]+(?:[./][\w-]+)+$/.test(name)
      ? ownNetwork
      : ipcSysctls.test(name)
        ? ipc === "private"
        : // Only the host's root may write it, whoever owns the namespace.
          name === "kernel.domainname" && uts === "private" && user === "host";
    if (!own)
      throw new RunnerError(
        "SPEC",
        `Cannot set sysctl ${JSON.stringify(name)}: it is not of a namespace that the container has for itself`,
      );
    if (/[\0\n]/.test(value))
      throw new RunnerError("SPEC", `Cannot set sysctl "${name}" to ${JSON.stringify(value)}: expected one line`);
  }
  // As docker's: ping, and ports below 1024, for whoever the program runs as.
  const usual = { "net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 0" };
  return { ...(ownNetwork ? usual : {}), ...asked };
}
