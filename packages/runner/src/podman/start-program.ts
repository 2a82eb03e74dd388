import { readFile, stat } from "node:fs/promises";
import { setImmediate } from "node:timers/promises";
import type { ExitStatus, Process, StartOptions, Stdio } from "../engine.ts";
import { RunnerError } from "../errors.ts";
import { type ContainerStore, createdState } from "../state/container-store.ts";
import { processId } from "../state/process-id.ts";
import { signalNumber } from "../supervisor/signals.ts";
import { hasCode } from "../state/system-error.ts";
import { connectInput, terminalSize } from "../supervisor/terminal.ts";
import { untilBegun } from "../supervisor/until-begun.ts";
import { type ContainerAnswer, plainly } from "./answers.ts";
import type { Ending } from "./ending.ts";
import { OomWatch } from "./oom-watch.ts";
import type { PodmanCalls } from "./podman-calls.ts";
import type { Hijacked } from "./podman-client.ts";
import { readPodmanLog } from "./podman-log.ts";
import { findProgram } from "./podman-service.ts";
import { noOutput, passOn, passOnLines, type ProgramOutput } from "./program-output.ts";
import { readInNamespace } from "./rootless-files.ts";
import { differences, normalSeccomp, type RuntimeConfig, runtimeConfig } from "./verify-config.ts";

type Size = Parameters<Process["resize"]>[0];

/** Starts the program of a container that does not run. Throws as `Container.start`. */
export async function startProgram(
  calls: PodmanCalls,
  store: ContainerStore,
  ending: Ending,
  { stdio = "none", signal }: StartOptions,
): Promise<Process> {
  const { plan, name, id } = calls.record;
  const attempt = `Cannot start "${name}"`;
  // Attached to before its program begins, no output is missed.
  const preparing = prepare(calls, stdio, attempt, signal);
  preparing.catch(() => undefined);
  // While podman is at it, this process has time.
  await setImmediate();
  const seccomp = normalSeccomp(plan.seccomp);
  const attached = await preparing;
  let output: ProgramOutput = noOutput;
  let oom: OomWatch | undefined;
  let removed: Promise<number> | undefined;
  const done = new AbortController();
  try {
    const ready = await calls.inspect(signal);
    await verify(ready, { calls, ending, attempt, seccomp });
    const { Pid } = ready.State;
    if (plan.terminal && stdio === "inherit") await resize(calls, terminalSize()).catch(() => undefined);
    if (plan.resources.memory !== undefined) oom = new OomWatch(Pid);
    const before = await logSize(ready);
    // With `autoRemove` it may be gone as soon as it has begun: then nobody could be asked how it ended.
    if (attached !== undefined && plan.autoRemove) removed = calls.exitCode("100ms", done.signal);
    removed?.catch(() => undefined);
    await calls.post("start", attempt, signal);
    await untilBegun(Pid);
    // Containers of other engines that join its namespaces look for it in the state.
    const startedAt = new Date().toISOString();
    store.writeState(id, { ...createdState, status: "running", process: processId(Pid), startedAt });
    if (attached !== undefined && plan.restart.name === "no") output = passOn(attached, stdio, plan.terminal);
    else if (attached !== undefined) {
      // A connection ends with the first run; the log has them all.
      attached.connection.resume();
      const lines = readPodmanLog(logPath(ready), { follow: true, from: before, ended: ending.wait(done.signal) });
      output = passOnLines(lines, stdio);
    }
  } catch (error) {
    attached?.connection.destroy();
    await oom?.end();
    done.abort();
    throw error;
  }
  const resizeOwn = async (size: Size): Promise<void> => await resize(calls, size);
  const stdin = plan.interactive ? attached?.connection : undefined;
  const input = stdio === "inherit" ? connectInput({ stdin, terminal: plan.terminal, resize: resizeOwn }) : undefined;
  const wait = async (): Promise<ExitStatus> => {
    if (attached === undefined) {
      const exit = await ending.wait(undefined);
      return (await oom?.end()) === true ? { ...exit, oomKilled: true } : exit;
    }
    await output.ended;
    input?.[Symbol.dispose]();
    if ((await oom?.end()) === true) ending.noteOomKilled();
    try {
      return await ending.afterOutput(removed);
    } finally {
      done.abort();
    }
  };
  let exit: Promise<ExitStatus> | undefined;
  if (attached !== undefined) {
    exit = wait();
    exit.catch(() => undefined);
  }
  return {
    stdin: stdio === "pipe" ? stdin : undefined,
    stdout: output.stdout,
    stderr: output.stderr,
    // Who is not attached may go: only asking for it waits.
    get exit() {
      exit ??= wait();
      return exit;
    },
    resize: resizeOwn,
    kill: async (text) => {
      await calls.post("kill", `Cannot send ${text} to "${name}"`, undefined, { signal: signalNumber(text) });
    },
  };
}

/** Makes a container ready to begin; with a connection to its streams unless they go to the log alone. */
async function prepare(
  calls: PodmanCalls,
  stdio: Stdio,
  attempt: string,
  signal: AbortSignal | undefined,
): Promise<Hijacked | undefined> {
  try {
    if (stdio !== "none") return await calls.attach(attempt, signal);
    await calls.post("init", attempt, signal);
    return undefined;
  } catch (error) {
    // podman leaves mounts behind here, and takes them away when a start fails: which it does for the same reason.
    if (error instanceof RunnerError && (error.code === "COMMAND_NOT_FOUND" || error.code === "COMMAND_NOT_EXECUTABLE"))
      await calls.post("start", attempt, undefined).catch(() => undefined);
    throw error;
  }
}

interface Planned {
  readonly calls: PodmanCalls;
  readonly ending: Ending;
  readonly attempt: string;
  readonly seccomp: ReturnType<typeof normalSeccomp>;
}

/** Nothing of it has run yet. What differs from the plan shall not; nor shall it be left to others to start. */
async function verify({ OCIConfigPath }: ContainerAnswer, { calls, ending, attempt, seccomp }: Planned): Promise<void> {
  const remove = async (): Promise<void> => {
    await calls.remove(true);
    await ending.forget();
  };
  let config: RuntimeConfig;
  try {
    config = runtimeConfig.parse(JSON.parse(await readConfig(OCIConfigPath)), plainly);
  } catch (cause) {
    await remove();
    throw new RunnerError("ENGINE", `${attempt}: what podman made of it cannot be read`, { cause });
  }
  const found = differences(calls.record.plan, config, seccomp);
  if (found.length === 0) return;
  await remove();
  throw new RunnerError("UNSUPPORTED", `${attempt}: podman would isolate it in another way: ${found.join("; ")}`, {
    hint: "Look for what its containers.conf adds to every container",
  });
}

async function readConfig(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const program = findProgram("podman");
    if (process.getuid?.() === 0 || program === undefined || !hasCode(error, "EACCES")) throw error;
    return await readInNamespace(path, program);
  }
}

async function resize(calls: PodmanCalls, size: Size | undefined): Promise<void> {
  if (size === undefined) return;
  const { columns, rows } = size;
  const attempt = `Cannot resize the terminal of "${calls.record.name}"`;
  await calls.post("resize", attempt, undefined, { w: columns, h: rows });
}

export function logPath({ HostConfig }: ContainerAnswer): string {
  return HostConfig?.LogConfig?.Path ?? "";
}

async function logSize(container: ContainerAnswer): Promise<number> {
  try {
    return (await stat(logPath(container))).size;
  } catch {
    return 0;
  }
}
