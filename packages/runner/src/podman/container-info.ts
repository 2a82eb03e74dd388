import type { ContainerInfo, ContainerStatus, ExitStatus } from "../engine.ts";
import type { PortMapping } from "../run-spec.ts";
import type { ContainerRecord } from "../state/container-store.ts";
import type { ContainerAnswer } from "./answers.ts";

/** What podman says of a container, beside what it was made with. */
export function containerInfo(record: ContainerRecord, found: ContainerAnswer, oomKilled: boolean): ContainerInfo {
  const { id, name, engine, image, created, plan } = record;
  const { State, RestartCount } = found;
  const status = statusOf(found);
  const runs = status === "running" || status === "paused";
  return {
    id,
    name,
    engine,
    image,
    args: plan.args,
    labels: plan.labels,
    created,
    status,
    startedAt: timeOf(State.StartedAt),
    exit: status === "exited" ? exitStatusOf(found, oomKilled) : undefined,
    pid: runs ? State.Pid : undefined,
    restarts: RestartCount,
    ports: portsOf(found),
    addresses: runs ? addressesOf(found) : [],
  };
}

export function statusOf({ State }: ContainerAnswer): ContainerStatus {
  switch (State.Status) {
    case "running":
    case "stopping":
      return "running";
    case "paused":
      return "paused";
    case "stopped":
    case "exited":
    case "removing":
      return "exited";
    default: // "created", "initialized": its program has not begun
      return "created";
  }
}

/** How its program ended; `oomKilled`: whether that was seen, whatever podman says. */
export function exitStatusOf({ State }: ContainerAnswer, oomKilled: boolean): ExitStatus {
  return {
    code: State.ExitCode,
    oomKilled: State.OOMKilled || oomKilled,
    finishedAt: timeOf(State.FinishedAt) ?? new Date().toISOString(),
  };
}

/** undefined for Go's zero. */
function timeOf(text: string): string | undefined {
  return text === "" || text.startsWith("0001-") ? undefined : text;
}

function portsOf({ NetworkSettings }: ContainerAnswer): readonly PortMapping[] {
  return Object.entries(NetworkSettings?.Ports ?? {}).flatMap(([key, hosts]) => {
    const [port, protocol] = key.split("/");
    if (protocol !== "tcp" && protocol !== "udp") return [];
    return (hosts ?? []).map(({ HostIp, HostPort }) => ({
      hostAddress: HostIp === "" ? undefined : HostIp,
      hostPort: Number(HostPort),
      containerPort: Number(port),
      protocol,
    }));
  });
}

function addressesOf({ NetworkSettings }: ContainerAnswer): readonly string[] {
  const networks = Object.values(NetworkSettings?.Networks ?? {});
  const all = (networks.length > 0 ? networks : [NetworkSettings]).flatMap((network) => [
    network?.IPAddress ?? "",
    network?.GlobalIPv6Address ?? "",
  ]);
  return all.filter((address) => address !== "");
}
