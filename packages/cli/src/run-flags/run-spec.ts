import { existsSync } from "node:fs";
import type { ProfileName, RunSpec } from "@lading/runner";
import type { Flags } from "../flags.ts";
import { UsageError } from "../usage.ts";
import { parseCpus, parseCpuset, parseInteger, parseLimit } from "./amounts.ts";
import { parseDevice } from "./devices.ts";
import { parseEnvironment, readEnvironmentFile } from "./environment.ts";
import { parseMount, parseTmpfs, parseVolume } from "./mounts.ts";
import { parseEntrypoint, parseName, parsePairs } from "./names.ts";
import { parseNamespace, parseNetwork, parseOwnOrHost, parseUserNamespace } from "./namespaces.ts";
import { parseAddHost, parseDns, parseHostname } from "./network-names.ts";
import { parsePublish } from "./ports.ts";
import { parseRestart } from "./restart.ts";
import { parseSecurityOptions } from "./security.ts";
import { parseSignal } from "./signals.ts";
import { parseUlimit } from "./ulimits.ts";

const profiles: readonly ProfileName[] = ["strict", "default", "docker", "unconfined"];

/** What the flags of `run`, and the arguments behind the image, ask for. Throws UsageError. */
export async function runSpecFromFlags(
  flags: Flags,
  command: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<RunSpec> {
  const one = <T>(name: string, parse: (text: string) => T): T | undefined => {
    const text = flags.text(name);
    return text === undefined ? undefined : parse(text);
  };
  const each = <T>(name: string, parse: (text: string) => T): readonly T[] =>
    flags.list(name).map((text) => parse(text));
  const mounts = { folder: process.cwd(), selinux: existsSync("/sys/fs/selinux/enforce") };
  const spec: RunSpec = {
    command: command.length === 0 ? undefined : command,
    entrypoint: one("entrypoint", parseEntrypoint),
    // A file first, whatever the order: what is on the command line wins.
    env: [
      ...flags.list("env-file").flatMap((path) => readEnvironmentFile(path, env)),
      ...flags.list("env").flatMap((text) => parseEnvironment(text, env)),
    ],
    workdir: flags.text("workdir"),
    user: flags.text("user"),
    groups: flags.list("group-add"),
    name: one("name", parseName),
    hostname: one("hostname", parseHostname),
    labels: parsePairs("label", flags.list("label")),

    profile: one("profile", (text) => profiles.find((profile) => profile === text)),
    capAdd: flags.list("cap-add").flatMap((names) => names.split(",")),
    capDrop: flags.list("cap-drop").flatMap((names) => names.split(",")),
    ...(await parseSecurityOptions(flags.list("security-opt"))),
    readonlyRoot: flags.switched("read-only"),

    network: one("network", parseNetwork),
    pid: one("pid", (text) => parseNamespace("pid", text)),
    ipc: one("ipc", (text) => parseNamespace("ipc", text)),
    uts: one("uts", (text) => parseNamespace("uts", text)),
    cgroup: one("cgroupns", (text) => parseOwnOrHost("cgroupns", text)),
    time: one("timens", (text) => parseOwnOrHost("timens", text)),
    userns: parseUserNamespace(flags.text("userns"), flags.list("uidmap"), flags.list("gidmap")),

    mounts: [
      ...each("volume", (text) => parseVolume(text, mounts)),
      ...each("mount", (text) => parseMount(text, mounts)),
      ...each("tmpfs", parseTmpfs),
    ],
    allowDangerousMounts: flags.on("allow-dangerous-mounts"),
    ports: each("publish", parsePublish).flat(),
    dns: each("dns", parseDns),
    addHosts: each("add-host", parseAddHost),
    devices: each("device", parseDevice),
    ulimits: each("ulimit", parseUlimit),
    sysctls: parsePairs("sysctl", flags.list("sysctl")),
    shmSize: one("shm-size", (text) => parseLimit("shm-size", text)),
    oomScoreAdj: one("oom-score-adj", (text) => parseInteger("oom-score-adj", text, -1000, 1000)),

    memory: one("memory", (text) => parseLimit("memory", text)),
    memorySwap: one("memory-swap", (text) => (text === "-1" ? -1 : parseLimit("memory-swap", text))),
    memoryReservation: one("memory-reservation", (text) => parseLimit("memory-reservation", text)),
    cpus: one("cpus", parseCpus),
    cpuShares: one("cpu-shares", (text) => parseInteger("cpu-shares", text, 0) || undefined),
    cpuset: one("cpuset-cpus", parseCpuset),
    pidsLimit: one("pids-limit", (text) => parseInteger("pids-limit", text, -1)),

    terminal: flags.on("tty"),
    interactive: flags.on("interactive"),
    init: flags.on("init"),
    restart: one("restart", parseRestart),
    stopSignal: one("stop-signal", (text) => parseSignal("stop-signal", text)),
    stopTimeout: one("stop-timeout", (text) => parseInteger("stop-timeout", text, 0) * 1000),
    autoRemove: flags.on("rm"),
    bestEffort: flags.on("best-effort"),
  };
  if (spec.autoRemove === true && (spec.restart?.name ?? "no") !== "no")
    throw new UsageError(`Cannot use --rm with --restart ${flags.text("restart")}: what is removed cannot start again`);
  return spec;
}
