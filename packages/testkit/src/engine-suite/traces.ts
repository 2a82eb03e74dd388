import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import type { Container } from "@lading/runner";
import { eventually } from "./bench.ts";

/**
 * What a container that runs has of the host: found again by these when it should be gone. Its network is
 * not among them: the kernel gives the number of a namespace that went to the next that is made, and to
 * hold one would keep its links.
 */
export interface Traces {
  readonly id: string;
  /** It, and what else runs in its network when that is not the host's: numbers with what tells them from later ones. */
  readonly processes: readonly string[];
  /** The upper folder of its root file system. */
  readonly upper: string | undefined;
  /** Folders of its cgroups. */
  readonly cgroups: readonly string[];
  /** Where its network namespace is mounted, when that is not the host's. */
  readonly networkMounts: readonly string[];
  /** The index of the host's end of its link. */
  readonly link: string | undefined;
  readonly addresses: readonly string[];
}

/** Reads the traces of a container that runs, from /proc. */
export async function tracesOf(container: Container): Promise<Traces> {
  const { pid, addresses } = await container.info();
  if (pid === undefined) throw new Error(`Cannot find traces of ${container.name}: it does not run`);
  const root = mountsOf(pid).find((line) => line.split(" ")[4] === "/");
  const network = networkOf(pid) === networkOf(process.pid) ? undefined : networkOf(pid);
  const own = readFileSync("/proc/self/cgroup", "utf8");
  return {
    id: container.id,
    processes: processes()
      .filter((each) => each === pid || (network !== undefined && networkOf(each) === network))
      .map(identityOf),
    upper: /upperdir=([^,]+)/.exec(root ?? "")?.[1],
    cgroups: readFileSync(`/proc/${pid}/cgroup`, "utf8")
      .trim()
      .split("\n")
      .filter((line) => !own.includes(line))
      .flatMap(cgroupFolders),
    networkMounts: mountsOf(process.pid)
      .filter((line) => network !== undefined && line.includes(`net:[${network}]`))
      .map(mountPoint),
    link: addresses.length === 0 ? undefined : linkOf(pid),
    addresses,
  };
}

/** Of a container that never ran: whatever is called by its ID. */
export function tracesOfId(id: string): Traces {
  return { id, processes: [], upper: undefined, cgroups: [], networkMounts: [], link: undefined, addresses: [] };
}

/** What is still there, in words. */
export function leftOf(traces: Traces): readonly string[] {
  const { upper, link } = traces;
  return [
    ...mountsOf(process.pid)
      .filter(
        (line) =>
          line.includes(traces.id) ||
          (upper !== undefined && line.includes(`upperdir=${upper}`)) ||
          (traces.networkMounts.includes(mountPoint(line)) && line.includes("net:[")),
      )
      .map((line) => `mount ${mountPoint(line)}`),
    ...traces.cgroups.filter((folder) => existsSync(folder)).map((folder) => `cgroup ${folder}`),
    ...processes()
      .filter((pid) => traces.processes.includes(identityOf(pid)))
      .map((pid) => `process ${pid} ${commandOf(pid)}`),
    ...readdirSync("/sys/class/net")
      .filter((name) => link !== undefined && read(`/sys/class/net/${name}/ifindex`).trim() === link)
      .map((name) => `interface ${name}`),
    ...rules()
      .filter((rule) => rule.includes(traces.id) || traces.addresses.some((address) => rule.includes(` ${address}/`)))
      .map((rule) => `rule ${rule}`),
  ];
}

/** Processes that know a container by its ID: monitors, shims; they may take a moment to end. */
function watchersOf(id: string): readonly string[] {
  return processes()
    .filter((pid) => pid !== process.pid && commandOf(pid).includes(id))
    .map((pid) => `process ${pid} ${commandOf(pid)}`);
}

/** Waits until no trace is left. Throws Error with those that are. */
export async function gone(traces: Traces): Promise<void> {
  let left: readonly string[] = [];
  try {
    await eventually("nothing is left", async () => {
      left = [...leftOf(traces), ...watchersOf(traces.id)];
      return left.length === 0;
    });
  } catch (cause) {
    throw new Error(`Left behind:\n${left.join("\n")}`, { cause });
  }
}

/** Host processes whose environment has this entry. */
export function processesWith(entry: string): readonly number[] {
  return processes().filter((pid) => read(`/proc/${pid}/environ`).split("\0").includes(entry));
}

function processes(): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** Its number, and when it began (proc_pid_stat(5), field 22). */
function identityOf(pid: number): string {
  const stat = read(`/proc/${pid}/stat`);
  return `${pid} ${stat.slice(stat.lastIndexOf(")")).split(" ")[20] ?? ""}`;
}

/** The inode of its network namespace. */
function networkOf(pid: number): number | undefined {
  return inode(`/proc/${pid}/ns/net`);
}

/** The mounts that a process sees, one a line (proc_pid_mountinfo(5)). */
function mountsOf(pid: number): readonly string[] {
  return read(`/proc/${pid}/mountinfo`).split("\n");
}

function mountPoint(line: string): string {
  return line.split(" ")[4] ?? "";
}

function commandOf(pid: number): string {
  return read(`/proc/${pid}/cmdline`).replaceAll("\0", " ");
}

/** The index of the other end of eth0: "2: eth0@if34: <BROADCAST,…". */
function linkOf(pid: number): string | undefined {
  const { stdout } = spawnSync("nsenter", [`--net=/proc/${pid}/ns/net`, "ip", "-oneline", "link", "show", "eth0"], {
    encoding: "utf8",
  });
  return /eth0@if(\d+):/.exec(stdout)?.[1];
}

/** Where a line of /proc/PID/cgroup leads (cgroups(7)). */
function cgroupFolders(line: string): readonly string[] {
  const [, controllers = "", path = ""] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
  const roots = controllers === "" ? ["", "unified"] : [controllers, ...controllers.replace(/^name=/, "").split(",")];
  return [...new Set(roots)].map((root) => join("/sys/fs/cgroup", root, path)).filter((folder) => existsSync(folder));
}

function rules(): readonly string[] {
  const { status, stdout } = spawnSync("iptables-save", { encoding: "utf8" });
  return status === 0 ? stdout.split("\n") : [];
}

function inode(file: string): number | undefined {
  try {
    return Number(/\[(\d+)\]/.exec(readlinkSync(file))?.[1]);
  } catch {
    return undefined; // It ended meanwhile, or is another user's.
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
