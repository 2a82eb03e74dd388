import { setTimeout as delay } from "node:timers/promises";
import type { Options } from "@lading/oci";
import type {
  Container,
  ContainerInfo,
  ContainerStats,
  ExecSpec,
  ExitStatus,
  LogLine,
  LogsOptions,
  Process,
  StartOptions,
  Stdio,
} from "../engine.ts";
import { RunnerError } from "../errors.ts";
import type { Isolation } from "../isolation/isolation.ts";
import { readIsolation } from "../isolation/read-isolation.ts";
import { readStats } from "../isolation/read-stats.ts";
import type { ContainerRecord, ContainerStore } from "../state/container-store.ts";
import { signalNumber } from "../supervisor/signals.ts";
import { containerInfo, statusOf } from "./container-info.ts";
import { Ending } from "./ending.ts";
import { startExec } from "./exec.ts";
import { hasOwnCgroup } from "./own-cgroup.ts";
import { PodmanCalls } from "./podman-calls.ts";
import type { PodmanClient } from "./podman-client.ts";
import { readPodmanLog } from "./podman-log.ts";
import { mountedInNamespace } from "./rootless-files.ts";
import { logPath, startProgram } from "./start-program.ts";

/** A container of podman's that Lading made. */
export class PodmanContainer implements Container {
  readonly engine = "podman";
  readonly id: string;
  readonly name: string;
  readonly #calls: PodmanCalls;
  readonly #store: ContainerStore;
  readonly #ending: Ending;
  /** Whether nobody can have started it yet. */
  #fresh: boolean;

  constructor(
    record: ContainerRecord,
    client: PodmanClient,
    store: ContainerStore,
    { fresh = false }: { readonly fresh?: boolean } = {},
  ) {
    this.id = record.id;
    this.name = record.name;
    this.#calls = new PodmanCalls(client, record);
    this.#store = store;
    this.#ending = new Ending(this.#calls, store);
    this.#fresh = fresh;
  }

  async info({ signal }: Options = {}): Promise<ContainerInfo> {
    return containerInfo(this.#calls.record, await this.#calls.inspect(signal), this.#ending.oomKilled);
  }

  async start(options: StartOptions = {}): Promise<Process> {
    const status = this.#fresh ? "created" : statusOf(await this.#calls.inspect(options.signal));
    if (status === "running" || status === "paused")
      throw new RunnerError("STATE", `Cannot start "${this.name}": it runs already`);
    this.#fresh = false;
    return await startProgram(this.#calls, this.#store, this.#ending, options);
  }

  async stop(options: Options & { readonly grace?: number | undefined } = {}): Promise<void> {
    const { grace = this.#calls.record.plan.stopTimeout, signal } = options;
    // podman counts in whole seconds.
    const query = { timeout: Math.ceil(grace / 1000) };
    const attempt = `Cannot stop "${this.name}"`;
    try {
      for (;;) {
        await this.#calls.post("stop", attempt, signal, query);
        // One that had just ended podman may have begun again, for all that it was told to stop it.
        const status = (await this.#calls.find(signal))?.State.Status;
        if (status !== "running" && status !== "stopped") break;
        await delay(10);
      }
    } catch (error) {
      const neverRan = error instanceof RunnerError && error.code === "STATE";
      if (!neverRan || statusOf(await this.#calls.inspect(signal)) !== "created") throw error;
    }
    this.#calls.endMonitors();
  }

  async kill(name = "SIGKILL", { signal }: Options = {}): Promise<void> {
    await this.#calls.post("kill", `Cannot send ${name} to "${this.name}"`, signal, { signal: signalNumber(name) });
  }

  async wait({ signal }: Options = {}): Promise<ExitStatus> {
    return await this.#ending.wait(signal);
  }

  async *logs(options: LogsOptions = {}): AsyncGenerator<LogLine> {
    const path = logPath(await this.#calls.inspect(options.signal));
    const done = new AbortController();
    const signal = AbortSignal.any([done.signal, ...(options.signal === undefined ? [] : [options.signal])]);
    const ended = options.follow === true ? this.#ending.wait(signal) : undefined;
    try {
      yield* readPodmanLog(path, { ...options, ended });
    } finally {
      done.abort();
    }
  }

  async exec(spec: ExecSpec, options: Options & { readonly stdio?: Stdio | undefined } = {}): Promise<Process> {
    this.#calls.noteOthers();
    return await startExec(this.#calls.client, this.#calls.record, spec, options);
  }

  async stats({ signal }: Options = {}): Promise<ContainerStats> {
    const attempt = `Cannot read what "${this.name}" uses`;
    const pid = await this.#pid(attempt, signal);
    if (process.getuid?.() === 0 || (await hasOwnCgroup(pid))) return await readStats(pid);
    throw new RunnerError("UNSUPPORTED", `${attempt}: it has no cgroup of its own, so nothing counts that`, {
      hint: "Without root that takes cgroup v2 with delegated controllers",
    });
  }

  async isolation({ signal }: Options = {}): Promise<Isolation> {
    return await readIsolation(await this.#pid(`Cannot read the isolation of "${this.name}"`, signal));
  }

  async withFiles<T>(work: (root: string) => Promise<T>, { signal }: Options = {}): Promise<T> {
    const attempt = `Cannot work with the files of "${this.name}"`;
    const { State } = await this.#calls.inspect(signal);
    if (State.Pid > 0) return await work(`/proc/${State.Pid}/root`);
    const folder = await this.#calls.mount(attempt, signal);
    try {
      const root = process.getuid?.() === 0 ? folder : mountedInNamespace(folder);
      if (root !== undefined) return await work(root);
    } finally {
      await this.#calls.post("unmount", attempt, undefined);
    }
    throw new RunnerError(
      "UNSUPPORTED",
      `${attempt}: without root, podman shows them to nobody while it does not run`,
      {
        hint: "Start it first, or use podman cp",
      },
    );
  }

  async remove({ force = false, signal }: Options & { readonly force?: boolean | undefined } = {}): Promise<void> {
    // Asked first, since it tells whether programs run beside its own, whoever began them.
    const found = await this.#calls.find(signal);
    const removed = found !== undefined && (await this.#calls.remove(force, signal));
    const known = this.#store.hasFolder(this.id);
    await this.#ending.forget();
    if (!removed && !known && !force)
      throw new RunnerError("NOT_FOUND", `Cannot remove "${this.name}": it is not there any more`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.stop();
      await this.remove({ force: true });
    } catch (error) {
      if (!(error instanceof RunnerError && error.code === "NOT_FOUND")) throw error;
    }
  }

  async #pid(attempt: string, signal: AbortSignal | undefined): Promise<number> {
    const found = await this.#calls.inspect(signal);
    const status = statusOf(found);
    if (found.State.Pid > 0 && (status === "running" || status === "paused")) return found.State.Pid;
    throw new RunnerError("STATE", `${attempt}: it does not run`);
  }
}
