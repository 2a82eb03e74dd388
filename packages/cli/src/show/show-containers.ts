import type { ContainerInfo, PortMapping } from "@lading/runner";
import { fit, printable, table } from "../progress/terminal.ts";
import { formatAge, formatAgo } from "./age.ts";

/** Digits of an ID that are shown, as docker does. */
export const shownDigits = 12;

/** The table of `ps`: docker's columns, and the engine. */
export function showContainers(
  containers: readonly ContainerInfo[],
  { whole, now }: { readonly whole: boolean; readonly now: number },
): string {
  const cut = (text: string, width: number): string => (whole ? printable(text) : fit(printable(text), width));
  const rows = containers.map((container) => [
    whole ? container.id : container.id.slice(0, shownDigits),
    cut(shortName(container.image.name), 40),
    `"${cut(commandLine(container.args), 20)}"`,
    formatAgo(container.created, now),
    statusOf(container, now),
    container.ports.map(formatPort).join(", "),
    container.engine,
    container.name,
  ]);
  const head = ["CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "ENGINE", "NAMES"];
  return `${table([head, ...rows]).join("\n")}\n`;
}

/** "Up 5 minutes", "Exited (0) 3 seconds ago". */
export function statusOf({ status, startedAt, exit }: ContainerInfo, now: number): string {
  if (status === "created") return "Created";
  if (status === "exited") return `Exited (${exit?.code ?? "?"}) ${formatAgo(exit?.finishedAt ?? "", now)}`;
  const up = startedAt === undefined ? "Up" : `Up ${formatAge(now - Date.parse(startedAt))}`;
  return status === "paused" ? `${up} (Paused)` : up;
}

/** "0.0.0.0:8080->80/tcp". */
export function formatPort({ hostAddress, hostPort, containerPort, protocol }: PortMapping): string {
  return `${formatHostPort(hostAddress, hostPort)}->${containerPort}/${protocol}`;
}

/** "0.0.0.0:8080", "[::1]:8080". */
export function formatHostPort(address: string = "0.0.0.0", port: number): string {
  return `${address.includes(":") ? `[${address}]` : address}:${port}`;
}

/** Arguments as a shell would need them. */
export function commandLine(args: readonly string[]): string {
  return args.map((arg) => (/^[\w@%+=:,./-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", `'\\''`)}'`)).join(" ");
}

/** What a person would write for an image: without the registry that is meant anyway. */
function shortName(name: string): string {
  return name.replace(/^docker\.io\/(?:library\/)?/, "");
}
