import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, existsSync, openSync, readFileSync, rmSync } from "node:fs";
import { lstat, mkdir, rename, stat } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Options } from "@lading/oci";
import { RunnerError } from "../errors.ts";
import type { Host } from "../host/host.ts";
import { readHost } from "../host/read-host.ts";
import { lockOwner, releaseLock, takeLock } from "../state/process-lock.ts";
import { hasCode } from "../state/system-error.ts";
import { PodmanClient, ping } from "./podman-client.ts";
import { askInfo } from "./podman-info.ts";

type Environment = Readonly<Record<string, string | undefined>>;

export interface ServiceOptions extends Options {
  /** The program that serves when nobody does yet. Default: `podman` on PATH. */
  readonly program?: string | undefined;
  /** Flags for it, before `system service`: `--root`, `--runtime`. */
  readonly flags?: readonly string[] | undefined;
  /** Seconds without a call after which a service that was started here ends. Default: 60. */
  readonly idle?: number | undefined;
  readonly env?: Environment | undefined;
}

/** A service that answers, or why none does. */
export interface FoundService {
  readonly socket: string | undefined;
  /** Each place that was looked at, and what was wrong there. */
  readonly findings: readonly string[];
}

const patience = 30_000; // milliseconds; the first start on a slow disk makes a store

/**
 * Looks for a service of podman: where CONTAINER_HOST says, and nowhere else then; in the user's
 * runtime folder; in /run; and one that Lading started. A socket that nobody answers at counts for
 * nothing. Throws RunnerError NO_ENGINE when CONTAINER_HOST is of no use.
 */
export async function findService({ env = process.env, signal }: ServiceOptions = {}): Promise<FoundService> {
  const named = env["CONTAINER_HOST"];
  if (named !== undefined && named !== "") {
    const socket = socketOf(named);
    const problem = await problemOf(socket, false, signal);
    if (problem === undefined) return { socket, findings: [] };
    throw new RunnerError("NO_ENGINE", `Cannot use podman at CONTAINER_HOST="${named}": ${problem}`, {
      hint: "Start its service (systemctl start podman.socket), or leave the variable out",
    });
  }
  const runtime = env["XDG_RUNTIME_DIR"];
  const places = [
    ...(runtime === undefined || runtime === "" ? [] : [join(runtime, "podman/podman.sock")]),
    "/run/podman/podman.sock",
    ownSocket(env),
  ];
  const findings: string[] = [];
  for (const socket of new Set(places)) {
    const problem = await problemOf(socket, true, signal);
    if (problem === undefined) return { socket, findings };
    findings.push(`${socket}: ${problem}`);
  }
  return { socket: undefined, findings };
}

/**
 * Starts a service at the place where `findService` looks last, so that later commands have it. It
 * ends by itself, and nothing of it is this process's. Throws RunnerError NO_ENGINE.
 */
export async function startService(options: ServiceOptions = {}): Promise<string> {
  const { env = process.env, signal } = options;
  const socket = ownSocket(env);
  const folder = join(socket, "..");
  await ownFolder(folder);
  const lock = join(folder, "starting");
  // Several may want one at the same moment, and two that make the same store block each other (podman 4.3).
  for (const until = Date.now() + patience; takeLock(lock) !== undefined; await delay(20, undefined, { signal }))
    if (Date.now() > until)
      throw new RunnerError("NO_ENGINE", `Cannot start podman's service: process ${lockOwner(lock)?.pid} is at it`);
  try {
    if ((await problemOf(socket, true, signal)) === undefined) return socket;
    const name = join(folder, `podman-${randomBytes(4).toString("hex")}.sock`);
    await serve(name, { ...options, idle: options.idle ?? 60 });
    // Only now, so that who finds a socket there finds a service.
    await rename(name, socket);
    return socket;
  } finally {
    releaseLock(lock);
  }
}

/** A service that ends with whoever started it. */
export interface OwnService {
  readonly socket: string;
  /** Ends it, and what it started for itself. */
  readonly stop: () => void;
}

/** Starts a service at `socket` and returns when it answers. Throws RunnerError NO_ENGINE. */
export async function serve(socket: string, options: ServiceOptions = {}): Promise<OwnService> {
  const { env = process.env, flags = [], idle = 0, signal } = options;
  const program = options.program ?? findProgram("podman", env);
  if (program === undefined)
    throw new RunnerError("NO_ENGINE", "Cannot start podman's service: podman is not on PATH", {
      hint: "Install podman: your distribution packages it",
    });
  // What it says goes to a file: with a pipe it would end at its first word after we did.
  const log = `${socket}.log`;
  const file = openSync(log, "w", 0o600);
  const args = [...cures(readHost(), env), ...flags, "system", "service", `--time=${idle}`, `unix://${socket}`];
  const child = spawn(program, args, { detached: true, stdio: ["ignore", file, file], env, cwd: join(socket, "..") });
  closeSync(file);
  let ended: string | undefined;
  child.once("error", (error) => (ended = error.message));
  child.once("exit", (code, by) => (ended = by === null ? `it exited with ${code}` : `it was ended by ${by}`));
  child.unref();
  // Without root it begins itself again in a user namespace, and only the group has both.
  const stop = (): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, "SIGTERM");
    } catch (error) {
      if (!hasCode(error, "ESRCH")) throw error;
    }
  };
  try {
    const until = Date.now() + patience;
    while ((await problemOf(socket, false, signal)) !== undefined) {
      signal?.throwIfAborted();
      if (ended !== undefined || Date.now() > until) {
        stop();
        const said = readFileSync(log, "utf8").trim().split("\n").at(-1) ?? "";
        const why = ended ?? "it does not answer";
        throw new RunnerError("NO_ENGINE", `Cannot start podman's service (${program}): ${said === "" ? why : said}`);
      }
      await delay(10);
    }
    return { socket, stop };
  } catch (error) {
    stop();
    throw error;
  } finally {
    rmSync(log, { force: true });
  }
}

/** Flags without which podman cannot run containers on this machine; none on most. */
function cures({ systemd, hybridControllers, uid }: Host, env: Environment): readonly string[] {
  const runtime = env["XDG_RUNTIME_DIR"];
  const manager = systemd && (uid === 0 || (runtime !== undefined && existsSync(join(runtime, "systemd/private"))));
  return [
    ...(manager ? [] : ["--cgroup-manager=cgroupfs"]),
    ...(systemd ? [] : ["--events-backend=file"]),
    // crun, podman's first choice, refuses hybrid cgroups; an API call cannot choose (podman 4).
    ...(hybridControllers !== undefined && findProgram("runc", env) !== undefined ? ["--runtime=runc"] : []),
  ];
}

function socketOf(host: string): string {
  const path = /^unix:\/\/(\/.+)$/.exec(host)?.[1];
  if (path !== undefined) return path;
  throw new RunnerError(
    "NO_ENGINE",
    `Cannot use podman at CONTAINER_HOST="${host}": only unix:// sockets are spoken to`,
  );
}

/** Where services that Lading starts are. */
function ownSocket(env: Environment): string {
  const uid = process.getuid?.() ?? 0;
  const runtime = env["XDG_RUNTIME_DIR"];
  if (runtime !== undefined && runtime !== "") return join(runtime, "lading/podman.sock");
  if (uid === 0) return "/run/lading/podman.sock";
  const usual = `/run/user/${uid}`;
  return existsSync(usual) ? join(usual, "lading/podman.sock") : `/tmp/lading-${uid}/podman.sock`;
}

/** Makes a folder where nobody else can put a socket. */
async function ownFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const info = await lstat(folder);
  if (!info.isDirectory() || info.uid !== process.getuid?.() || (info.mode & 0o022) !== 0)
    throw new RunnerError("NO_ENGINE", `Cannot start podman's service: others may write to "${folder}"`);
}

/** Why there is no service at a socket; undefined when there is. `own`: one that cannot be this user's choice counts for none. */
async function problemOf(socket: string, own: boolean, signal: AbortSignal | undefined): Promise<string | undefined> {
  try {
    const { uid } = await stat(socket);
    if (own && uid !== process.getuid?.())
      return "it is another user's; name it in CONTAINER_HOST to use it all the same";
    if ((await ping(socket, { signal })) === undefined) return "somebody else answers there, not podman";
    return own && readHost().hybridControllers !== undefined ? await runtimeProblem(socket, signal) : undefined;
  } catch (error) {
    signal?.throwIfAborted();
    if (hasCode(error, "ENOENT", "ENOTDIR")) return "there is no socket";
    if (hasCode(error, "ECONNREFUSED")) return "nobody listens";
    if (hasCode(error, "EACCES")) return "permission denied";
    return error instanceof Error ? error.message : String(error);
  }
}

/** On a machine with hybrid cgroups crun starts nothing, and whoever started the service chose it. */
async function runtimeProblem(socket: string, signal: AbortSignal | undefined): Promise<string | undefined> {
  using client = new PodmanClient(socket);
  const { host } = await askInfo(client, { signal });
  return host.ociRuntime?.name === "crun"
    ? "its runtime is crun, which refuses this machine's hybrid cgroups"
    : undefined;
}

/** The path of a program, on PATH or where programs are. */
export function findProgram(name: string, env: Environment = process.env): string | undefined {
  const folders = [
    ...(env["PATH"] ?? "").split(delimiter),
    "/usr/local/bin",
    "/usr/bin",
    "/usr/local/sbin",
    "/usr/sbin",
  ];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}
