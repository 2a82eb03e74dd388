import type { ContainerInfo, ContainerPlan, IdRange, Isolation } from "@lading/runner";
import { formatSize } from "../progress/quantity.ts";
import { printable, type Style, table } from "../progress/terminal.ts";
import { commandLine, formatPort, statusOf } from "./show-containers.ts";

/** A container for people: what it is, how it does, and how isolated it is as the kernel has it. */
export function showContainer(
  info: ContainerInfo,
  plan: ContainerPlan,
  isolation: Isolation | undefined,
  style: Style,
): string {
  const sections = [
    section(style.bold(printable(info.name)), general(info, plan)),
    isolation === undefined
      ? `${style.dim("Its isolation is read from the kernel, while it runs.")}\n`
      : section(style.bold("Isolation, as the kernel has it"), isolated(isolation, plan)),
  ];
  if (isolation !== undefined && plan.mounts.length > 0)
    sections.push(section(style.bold("Mounts"), plan.mounts.map(mountRow)));
  return sections.join("\n");
}

type Row = readonly [string, string] | undefined;

function section(title: string, rows: readonly Row[]): string {
  const shown = rows.filter((row) => row !== undefined && row[1] !== "");
  return `${title}\n${table(shown.flatMap((row) => (row === undefined ? [] : [[`  ${row[0]}`, row[1]]]))).join("\n")}\n`;
}

function general(info: ContainerInfo, plan: ContainerPlan): readonly Row[] {
  return [
    ["id", info.id],
    ["image", `${printable(info.image.name)}  ${info.image.id}`],
    ["engine", info.engine],
    ["status", statusOf(info, Date.now())],
    info.exit?.oomKilled === true ? ["", "ended for want of memory"] : undefined,
    ["created", info.created],
    ["command", printable(commandLine(info.args))],
    ["working dir", printable(plan.workdir)],
    ["pid", info.pid === undefined ? "" : String(info.pid)],
    ["ports", info.ports.map(formatPort).join(", ")],
    ["addresses", info.addresses.join(", ")],
    ["restart", plan.restart.name === "no" ? "" : `${plan.restart.name}, ${info.restarts} so far`],
    ...Object.entries(info.labels).map(([name, value]): Row => ["label", printable(`${name}=${value}`)]),
    ...plan.notes.map((note): Row => ["note", printable(note)]),
  ];
}

function isolated(isolation: Isolation, plan: ContainerPlan): readonly Row[] {
  const { namespaces, user, capabilities, limits, rlimits } = isolation;
  const of = (source: "host" | "private"): string =>
    Object.entries(namespaces)
      .filter(([, namespace]) => namespace?.source === source)
      .map(([kind]) => kind)
      .join(" ");
  return [
    ["own namespaces", of("private")],
    ["the host's", of("host")],
    ["user", `${user.uid}:${user.gid}${user.groups.length === 0 ? "" : `, groups ${user.groups.join(" ")}`}`],
    ["ids", isolation.uidMap.map(range).join(", ")],
    ["capabilities", names(capabilities.effective)],
    same(capabilities.effective, capabilities.bounding) ? undefined : ["bounding set", names(capabilities.bounding)],
    ["no new privileges", isolation.noNewPrivileges ? "yes" : "no"],
    ["seccomp", isolation.seccomp],
    ["root", isolation.readonlyRoot ? "read-only" : "writable"],
    ["masked paths", isolation.maskedPaths.join(" ")],
    ["read-only paths", isolation.readonlyPaths.join(" ")],
    ["memory", limits.memory === undefined ? "no limit" : formatSize(limits.memory)],
    ["processors", limits.cpus === undefined ? "no limit" : String(limits.cpus)],
    ["only on", limits.cpuset ?? ""],
    ["processes", limits.pids === undefined ? "no limit" : `at most ${limits.pids}`],
    ...plan.ulimits.map(({ name }): Row => {
      const limit = rlimits[name];
      return limit === undefined ? undefined : [`limit ${name}`, `${amount(limit.soft)}:${amount(limit.hard)}`];
    }),
    ["cgroup", `${isolation.cgroup.path} (${isolation.cgroup.version})`],
    ...isolation.unreadable.map((what): Row => ["not readable", what]),
  ];
}

function mountRow(mount: ContainerPlan["mounts"][number]): Row {
  const from = mount.type === "bind" ? mount.source : mount.type === "volume" ? `volume ${mount.name}` : "tmpfs";
  const readonly = mount.type !== "tmpfs" && mount.readonly ? ", read-only" : "";
  return [printable(mount.destination), printable(`${from}${readonly}`)];
}

function names(capabilities: readonly string[]): string {
  return capabilities.length === 0 ? "none" : capabilities.map((name) => name.replace(/^CAP_/, "")).join(" ");
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.join() === b.join();
}

function range({ containerId, hostId, size }: IdRange): string {
  if (containerId === hostId && size === 2 ** 32 - 1) return "the host's";
  return `${containerId}-${containerId + size - 1} are ${hostId}-${hostId + size - 1} of the host`;
}

function amount(limit: number): string {
  return limit === -1 ? "unlimited" : String(limit);
}
