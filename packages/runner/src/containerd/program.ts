import { setTimeout as delay } from "node:timers/promises";
import type { Options } from "@lading/oci";
import type { Task } from "../supervisor/task.ts";
import { untilBegun } from "../supervisor/until-begun.ts";
import { beginFailure } from "./begin-failure.ts";
import type { ContainerdClient } from "./client.ts";
import type { Fifos } from "./fifos.ts";
import { isStatus, unlessGone } from "./grpc.ts";

const reconnectPause = 500; // milliseconds
const unknownExit = 255;

/** A program that containerd has made, and not begun. */
export interface MadeProgram {
  readonly containerId: string;
  /** "" for the container's own. */
  readonly execId: string;
  readonly fifos: Fifos;
  /** For people: what is being done. */
  readonly attempt: string;
  /** Asked when it has ended, while its cgroup is still there. */
  readonly oomKilled?: (() => Promise<boolean>) | undefined;
}

/** Begins it. Throws RunnerError COMMAND_NOT_FOUND, COMMAND_NOT_EXECUTABLE and ENGINE. */
export async function beginProgram(
  client: ContainerdClient,
  { containerId, execId, fifos, attempt, oomKilled = async () => false }: MadeProgram,
  { signal }: Options = {},
): Promise<Task> {
  const { tasks } = client;
  const exit = programEnd(client, containerId, execId).then(async (code) => ({ code, oomKilled: await oomKilled() }));
  // Whoever waits hears of it.
  exit.catch(() => undefined);
  let pid: number;
  try {
    ({ pid } = await tasks.start({ containerId, execId }, signal));
  } catch (error) {
    throw beginFailure(attempt, error);
  }
  fifos.opened();
  await untilBegun(pid);
  // The shim holds an end of its own, lest the program's input ends with whoever began it.
  fifos.stdin?.once("finish", () => {
    if (!fifos.terminal) tasks.closeIo({ containerId, execId, stdin: true }).catch(() => undefined);
  });
  return {
    pid,
    stdin: fifos.stdin,
    stdout: fifos.stdout,
    stderr: fifos.stderr,
    exit,
    async kill(signal): Promise<void> {
      await killProgram(client, { containerId, execId, signal, all: false });
    },
    async resize({ columns, rows }): Promise<void> {
      await tasks.resizePty({ containerId, execId, width: columns, height: rows });
    },
  };
}

/** Does nothing when it has ended. */
export async function killProgram(
  { tasks }: ContainerdClient,
  request: { readonly containerId: string; readonly execId: string; readonly signal: number; readonly all: boolean },
): Promise<void> {
  await unlessGone(tasks.kill(request));
}

/** The exit code of a program when it has ended, also when containerd is restarted meanwhile: programs and their shims go on without it. */
export async function programEnd({ tasks }: ContainerdClient, containerId: string, execId: string): Promise<number> {
  for (;;) {
    try {
      return (await tasks.wait({ containerId, execId })).exitStatus;
    } catch (error) {
      if (isStatus(error, "NOT_FOUND")) return unknownExit;
      if (!isStatus(error, "UNAVAILABLE")) throw error;
      await delay(reconnectPause);
    }
  }
}
