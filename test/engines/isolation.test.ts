import { readlinkSync } from "node:fs";
import { type EngineName, RunnerError, type RunSpec } from "@lading/runner";
import { Bench, type ProbeMount, type ProbeReport } from "@lading/testkit";
import { beforeAll, describe, expect, test } from "vitest";
import { engines } from "./engines.ts";

/*
 * The same probe on every engine, for every profile and a table of requests: what it reports is equal,
 * but for what `comparable` leaves out, each with its reason.
 */

const ranges = [{ containerId: 0, hostId: 300_000, size: 65_000 }];
const requests: Readonly<Record<string, RunSpec>> = {
  "the default profile": {},
  "the profile strict": { profile: "strict" },
  "the profile docker": { profile: "docker" },
  "the profile unconfined": { profile: "unconfined" },
  "a user with groups": { user: "app", groups: ["audio", "4000"] },
  "a user with a capability": { user: "1001:50", capAdd: ["NET_BIND_SERVICE"] },
  "capabilities dropped and added": { capDrop: ["ALL"], capAdd: ["CHOWN", "NET_RAW"] },
  "privileges to regain": { noNewPrivileges: false },
  "no filter": { seccomp: "unconfined" },
  "nothing masked": { unmask: ["ALL"] },
  "more masked": { mask: ["/srv/data", "/etc/group", "/missing"] },
  "a read-only root with memory": { readonlyRoot: true, mounts: [{ type: "tmpfs", destination: "/tmp" }] },
  "users mapped": { userns: { uidMap: ranges, gidMap: ranges } },
  "the hardest": {
    profile: "strict",
    user: "app",
    userns: { uidMap: ranges, gidMap: ranges },
    pidsLimit: 64,
    mounts: [{ type: "tmpfs", destination: "/tmp", size: 1024 * 1024, mode: 0o700, options: ["uid=1000"] }],
  },
  "the host's network": { network: "host" },
  "a bridge": { network: "bridge", dns: ["192.0.2.53"], addHosts: ["other:192.0.2.7"] },
  "the host's processes": { pid: "host" },
  "the host's names and queues": { uts: "host", ipc: "host" },
  "the host's control groups": { cgroup: "host" },
  limits: { memory: 64 * 1024 * 1024, cpus: 0.5, cpuShares: 512, cpuset: "0", pidsLimit: 40 },
  "memory with swap and a reservation": {
    memory: 64 * 1024 * 1024,
    memorySwap: 128 * 1024 * 1024,
    memoryReservation: 32 * 1024 * 1024,
  },
  "limits of setrlimit(2)": {
    ulimits: [
      { name: "nofile", soft: 100, hard: 200 },
      { name: "core", soft: 0, hard: 0 },
      { name: "stack", soft: 1_048_576, hard: 1_048_576 },
    ],
  },
  "sysctls and shared memory": {
    sysctls: { "net.core.somaxconn": "77", "kernel.msgmax": "9000" },
    shmSize: 8 * 1024 * 1024,
  },
  "a name, a folder and an environment": {
    hostname: "box.example",
    workdir: "/srv/data",
    env: ["A=1", "FROM_IMAGE=changed"],
  },
  "an oom score": { oomScoreAdj: 300 },
};

/** What each engine's probes reported, by request; or the code of the error that refused it. */
const reports = new Map<EngineName, ReadonlyMap<string, unknown>>();

beforeAll(async () => {
  for (const { name, start } of engines) {
    await using bench = await Bench.of(await start());
    const seen = new Map<string, unknown>();
    for (const [request, spec] of Object.entries(requests)) seen.set(request, await reportOf(bench, spec));
    reports.set(name, seen);
  }
});

const [reference, ...others] = engines;

describe.each(others)(`$name isolates as ${reference?.name} does`, ({ name }) => {
  test.each(Object.keys(requests))("%s", (request) => {
    expect(reports.get(name)?.get(request)).toEqual(reference && reports.get(reference.name)?.get(request));
  });
});

test("nothing of this was refused", () => {
  for (const seen of reports.values())
    for (const [request, report] of seen) expect(report, request).toHaveProperty("namespaces");
});

// The same everywhere, since /etc/hosts tells it.
const containerName = "isolation-probe";

async function reportOf(bench: Bench, spec: RunSpec): Promise<unknown> {
  try {
    return comparable(await bench.look({ name: containerName, ...spec }));
  } catch (error) {
    if (error instanceof RunnerError) return error.code;
    throw error;
  }
}

/** A report without what must differ. */
function comparable(report: ProbeReport): object {
  const { lines, namespaces, status, mounts, env, ...rest } = report;
  const hostname = lines("hostname")[0] ?? "";
  const isHostNamed = namespaces["uts"] === ownNamespace("uts");
  // The host name is the container's ID where none was asked for.
  const unnamed = (text: string): string => (/^[0-9a-f]{12}$/.test(hostname) ? text.replaceAll(hostname, "ID") : text);
  return {
    ...rest,
    env: env.map(unnamed).toSorted(),
    // Inodes are of each container: what counts is whose they are.
    namespaces: Object.fromEntries(
      Object.entries(namespaces).map(([kind, inode]) => [kind, inode === ownNamespace(kind) ? "host" : "own"]),
    ),
    // The rest tells of the process that was asked, not of its container.
    status: Object.fromEntries(statusKeys.map((key) => [key, status[key]])),
    mounts: mounts
      // podman's mark: programs look for it to know where they are.
      .filter(({ destination }) => destination !== "/run/.containerenv")
      .map(comparableMount)
      .toSorted((a, b) => (a.destination < b.destination ? -1 : 1)),
    ...Object.fromEntries(sections.map((section) => [section, lines(section).map(unnamed)])),
    hosts: lines("hosts")
      // podman's own name for the host.
      .filter((line) => !line.includes("host.containers.internal"))
      // An address is each container's own; who has the host's name has none to give to it.
      .map((line) => unnamed(line).replace(/^10\.\d+\.\d+\.\d+\s/, "ADDRESS "))
      .map((line) => (isHostNamed ? line.replace(/\S+ isolation-probe$/, "isolation-probe") : line))
      .toSorted(),
    // How an engine passes on what is read and written is its affair: a pipe, a socket, /dev/null.
    descriptors: lines("descriptors").flatMap((line) => / (\d+) -> /.exec(line)?.[1] ?? []),
    // The host's come and go.
    interfaces: namespaces["net"] === ownNamespace("net") ? [] : lines("interfaces"),
    cgroup: lines("cgroup").map(cgroupOf),
  };
}

const statusKeys = [
  "Uid",
  "Gid",
  "Groups",
  "CapInh",
  "CapPrm",
  "CapEff",
  "CapBnd",
  "CapAmb",
  "NoNewPrivs",
  "Seccomp",
  "Seccomp_filters",
  "Cpus_allowed_list",
  "Mems_allowed_list",
  "SigBlk",
  "SigIgn",
];
const sections = ["hostname", "ids", "cwd", "umask", "oom_score_adj", "devices", "resolv", "apparmor"];

type ComparableMount = Omit<ProbeMount, "root">;

function comparableMount({ destination, type, options, superOptions, propagation }: ProbeMount): ComparableMount {
  // Each engine keeps these files where it likes.
  const isFile = ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/run/lading-init"].includes(destination);
  return {
    destination,
    type: isFile ? "any" : type,
    options: isFile ? options.filter((option) => option !== "relatime" && option !== "noatime") : options,
    // Folders and features of an overlay are its engine's.
    // Whose a file system is in numbers of the host shows as the owner of what is in it.
    superOptions: isFile || type === "overlay" ? [] : superOptions.filter((option) => !/^[ug]id=/.test(option)),
    propagation: propagation.map((each) => each.replace(/\d+/, "N")),
  };
}

/** Whether a control group is the root of what the container sees; its path is its engine's affair. */
function cgroupOf(line: string): string {
  const [, controllers = "", path = ""] = line.split(":");
  return `${controllers} ${path === "/" ? "/" : "below"}`;
}

function ownNamespace(kind: string): number {
  return Number(/\[(\d+)\]/.exec(readlinkSync(`/proc/self/ns/${kind}`))?.[1]);
}
