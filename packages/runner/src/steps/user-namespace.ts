import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { Duplex } from "node:stream";
import { RunnerError } from "../errors.ts";
import type { Host } from "../host/host.ts";
import { readHost } from "../host/read-host.ts";
import { type SubordinateIds, subordinateIds } from "../host/subordinate-ids.ts";
import { findProgram, runProgram } from "../network/system-program.ts";

export interface UserNamespaceOptions {
  /** Default: this process's. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** What the program reads. Default: what this process would read. */
  readonly input?: Uint8Array | undefined;
}

export interface BegunInUserNamespace {
  readonly child: ChildProcess;
  /** Why it has this user's id and no other; undefined: it has more. */
  readonly single: string | undefined;
}

// Until its ids are there the program waits, and what goes wrong is said on descriptor 3.
const begin = 'exec unshare --user --mount --propagation slave sh -c "$@" 4>&2 2>&3';
// Whoever becomes somebody else in between would outlive this process.
const become = 'echo >&3 && read -r _ <&3 && exec setpriv --pdeathsig KILL "$@" 2>&4 3>&- 4>&-';

/**
 * Begins a program as root of a user namespace of its own: outside, that root is this user, and the ids from 1 on are
 * the user's subordinate ids (subuid(5)), as newuidmap(1) gives them. Where there are none there is only root. The
 * program has this process's standard streams, is of a session of its own, and dies with this process. Throws
 * RunnerError UNSUPPORTED.
 */
export async function beginInUserNamespace(
  command: readonly string[],
  { env = process.env, input }: UserNamespaceOptions = {},
): Promise<BegunInUserNamespace> {
  const child = spawn("sh", ["-c", begin, "sh", become, "sh", ...command], {
    stdio: [input === undefined ? "inherit" : "pipe", "inherit", "inherit", "pipe"],
    detached: true,
    env,
  });
  const talk = child.stdio[3];
  if (!(talk instanceof Duplex)) throw new TypeError("Pipes of this Node cannot be written to");
  talk.on("error", () => undefined);
  const said = await firstWords(talk);
  if (said !== "\n" || child.pid === undefined) throw noNamespace(said.trim(), readHost());
  const single = await giveIds(child.pid).catch((error: unknown) => {
    // It would wait for ever, and this process for it.
    talk.destroy();
    child.kill("SIGKILL");
    throw error;
  });
  child.stdin?.on("error", () => undefined);
  child.stdin?.end(input);
  talk.end("\n");
  return { child, single };
}

async function firstWords(talk: Duplex): Promise<string> {
  const ended = once(talk, "end").then(() => "");
  const words = once(talk, "data").then(([chunk]) => String(chunk));
  return await Promise.race([words, ended]);
}

/** Gives a namespace the ids that there are, or this user's own; why, if it is only that. */
async function giveIds(pid: number): Promise<string | undefined> {
  const { uid, gid, name } = self();
  const why = await giveSubordinateIds(pid, { uid, gid, name });
  if (why === undefined) return undefined;
  writeFileSync(`/proc/${pid}/setgroups`, "deny");
  writeFileSync(`/proc/${pid}/gid_map`, `0 ${gid} 1`);
  writeFileSync(`/proc/${pid}/uid_map`, `0 ${uid} 1`);
  return why;
}

interface Self {
  readonly uid: number;
  readonly gid: number;
  readonly name: string;
}

function self(): Self {
  const { uid, gid } = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  try {
    return { uid, gid, name: userInfo().username };
  } catch {
    // An id that /etc/passwd does not have.
    return { uid, gid, name: String(uid) };
  }
}

/** Why it could not be, if so; then the namespace has no ids still. */
async function giveSubordinateIds(pid: number, { uid, gid, name }: Self): Promise<string | undefined> {
  const { uids, gids } = subordinateIds({ name, uid });
  if (uids.length === 0 || gids.length === 0) return `/etc/subuid and /etc/subgid have none for ${name}`;
  const [newuidmap, newgidmap] = [findProgram("newuidmap"), findProgram("newgidmap")];
  if (newuidmap === undefined || newgidmap === undefined)
    return "newuidmap is not installed, which distributions package as uidmap or shadow";
  const groups = await runProgram(newgidmap, mapArguments(pid, gid, gids));
  // Where programs may not gain privileges it is of no use.
  if (groups.code !== 0) return `newgidmap could not: ${groups.stderr.trim()}`;
  const users = await runProgram(newuidmap, mapArguments(pid, uid, uids));
  if (users.code === 0) return undefined;
  throw new RunnerError("UNSUPPORTED", `Cannot give a user namespace its ids with newuidmap: ${users.stderr.trim()}`);
}

/** As newuidmap(1) has them: this user's own id is 0, and the subordinate ones follow. */
function mapArguments(pid: number, own: number, ranges: SubordinateIds["uids"]): readonly string[] {
  let next = 1;
  const more = ranges.flatMap(({ start, size }) => {
    const range = [next, start, size];
    next += size;
    return range;
  });
  return [pid, 0, own, 1, ...more].map(String);
}

function noNamespace(why: string, { userNamespaces }: Host): RunnerError {
  const hint =
    userNamespaces === "profiled"
      ? "AppArmor keeps them from programs without a profile: sysctl kernel.apparmor_restrict_unprivileged_userns=0"
      : "Allow them (sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone; seccomp in a container), or run it as root";
  return new RunnerError("UNSUPPORTED", `Cannot make a user namespace, which takes the place of root: ${why}`, {
    hint,
  });
}
