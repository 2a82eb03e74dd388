import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Options } from "@lading/oci";
import type {
  Container,
  ContainerInfo,
  ContainerStats,
  EngineName,
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
import type { ContainerRecord } from "../state/container-store.ts";
import { isAlive, type ProcessId } from "../state/process-id.ts";
import { lockOwner, takeLock } from "../state/process-lock.ts";
import { conditionOf, recover, untilInactive } from "./condition.ts";
import { lockFile, logFolder, stoppedFile } from "./container-folder.ts";
import { readLog } from "./log-reader.ts";
import { startMonitor } from "./monitor.ts";
import { removeContainer } from "./remove-container.ts";
import { signalNumber } from "./signals.ts";
import { supervise, type Workshop } from "./supervise.ts";
import type { DriverSettings } from "./task.ts";

// How long a supervisor may take to clean up after a program that was killed.
const patience = 10_000; // milliseconds

/**
 * A container of an engine that only begins programs. Any process may have one in hand: what it does
 * goes by signals and the files of the state, so that whoever watches over the container, here or
 * elsewhere, sees it.
 */
export class SupervisedContainer implements Container {
  readonly #record: ContainerRecord;
  readonly #workshop: Workshop;
  readonly #settings: DriverSettings;
  /** When this process watches over it. */
  #process: Process | undefined;

  /** @param settings - For the process that watches over it when it is detached. */
  constructor(record: ContainerRecord, workshop: Workshop, settings: DriverSettings) {
    this.#record = record;
    this.#workshop = workshop;
    this.#settings = settings;
  }

  get id(): string {
    return this.#record.id;
  }

  get name(): string {
    return this.#record.name;
  }

  get engine(): EngineName {
    return this.#record.engine;
  }

  async info(): Promise<ContainerInfo> {
    this.#mustBeThere();
    return containerInfo(this.#record, this.#workshop);
  }

  async start({ stdio = "none", detached = stdio === "none", signal }: StartOptions = {}): Promise<Process> {
    this.#mustBeThere();
    if (detached && stdio !== "none")
      throw new RunnerError("UNSUPPORTED", "Cannot connect the streams of a container that outlives this process");
    signal?.throwIfAborted();
    await recover(this.#record, this.#workshop);
    if (detached) {
      await startMonitor({ root: this.#workshop.store.root, id: this.id, driver: this.#settings }, { signal });
      return this.#elsewhere();
    }
    this.#process = await supervise(this.#record, this.#workshop, { stdio, signal });
    return this.#process;
  }

  async stop({
    grace = this.#record.plan.stopTimeout,
    signal,
  }: Options & { grace?: number | undefined } = {}): Promise<void> {
    this.#mustBeThere();
    const { store } = this.#workshop;
    writeFileSync(join(store.folder(this.id), stoppedFile), "");
    this.#signal(signalNumber(this.#record.plan.stopSignal));
    const over = new AbortController();
    try {
      const ended = untilInactive(store, this.#record, { signal });
      await Promise.race([ended, delay(grace, undefined, { signal: over.signal }).catch(() => undefined)]);
      // Until it is over: it may just have been starting again.
      while (conditionOf(store, this.#record).active) {
        this.#signal(9);
        await Promise.race([ended, delay(1000, undefined, { signal: over.signal }).catch(() => undefined)]);
        signal?.throwIfAborted();
      }
    } finally {
      over.abort();
    }
    await recover(this.#record, this.#workshop);
  }

  async kill(signal = "SIGKILL"): Promise<void> {
    this.#mustBeThere();
    if (!this.#signal(signalNumber(signal))) throw this.#notRunning("send a signal to");
  }

  async wait(options: Options = {}): Promise<ExitStatus> {
    if (this.#process !== undefined) return await unlessAborted(this.#process.exit, options);
    const { store } = this.#workshop;
    const kept = store.keptExit(this.id);
    if (kept !== undefined) return kept;
    this.#mustBeThere();
    if (conditionOf(store, this.#record).state.status === "created" && !conditionOf(store, this.#record).active)
      throw this.#notRunning("wait for");
    await untilInactive(store, this.#record, options);
    await recover(this.#record, this.#workshop);
    const exit = store.keptExit(this.id) ?? store.state(this.id).exit;
    if (exit === undefined) throw this.#gone();
    return exit;
  }

  async *logs(options: LogsOptions = {}): AsyncIterable<LogLine> {
    this.#mustBeThere();
    const { store } = this.#workshop;
    const over = new AbortController();
    const ended =
      options.follow === true
        ? untilInactive(store, this.#record, { signal: over.signal }).catch(() => undefined)
        : undefined;
    try {
      yield* readLog(join(store.folder(this.id), logFolder), { ...options, ended });
    } finally {
      over.abort();
    }
  }

  async exec(spec: ExecSpec, options: Options & { readonly stdio?: Stdio | undefined } = {}): Promise<Process> {
    return await this.#workshop.driver.exec(this.#record, this.#pid("execute a program in"), spec, options);
  }

  async stats(): Promise<ContainerStats> {
    const pid = this.#pid("measure");
    const { readStats } = await import("../isolation/read-stats.ts");
    return await readStats(pid);
  }

  async isolation(): Promise<Isolation> {
    const pid = this.#pid("read the isolation of");
    const { readIsolation } = await import("../isolation/read-isolation.ts");
    return await readIsolation(pid);
  }

  async withFiles<T>(work: (root: string) => Promise<T>, options: Options = {}): Promise<T> {
    this.#mustBeThere();
    const { process } = conditionOf(this.#workshop.store, this.#record).state;
    if (isAlive(process)) return await work(`/proc/${process.pid}/root`);
    return await this.#workshop.driver.withFiles(this.#record, work, options);
  }

  async remove({ force = false, signal }: Options & { readonly force?: boolean | undefined } = {}): Promise<void> {
    const { store } = this.#workshop;
    if (!force) this.#mustBeThere();
    // Others may start it, or remove it, between the looks; with `autoRemove` its supervisor does.
    while (store.hasFolder(this.id)) {
      if (conditionOf(store, this.#record).active) {
        if (!force)
          throw new RunnerError("STATE", `Cannot remove container "${this.name}": it runs`, {
            hint: "Stop it before, or use force",
          });
        await this.#end({ signal });
      } else if (takeLock(join(store.folder(this.id), lockFile)) === undefined)
        return await removeContainer(this.#record, this.#workshop);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.remove({ force: true });
  }

  /** Kills it, and its supervisor when that does nothing about it. */
  async #end({ signal }: Options): Promise<void> {
    const { store } = this.#workshop;
    const lock = join(store.folder(this.id), lockFile);
    const deadline = Date.now() + patience;
    writeFileSync(join(store.folder(this.id), stoppedFile), "");
    while (conditionOf(store, this.#record).active) {
      this.#signal(9);
      const late = new AbortController();
      await Promise.race([
        untilInactive(store, this.#record, { signal }),
        delay(500, undefined, { signal: late.signal }).catch(() => undefined),
      ]).finally(() => late.abort());
      const owner = lockOwner(lock);
      if (Date.now() > deadline && isAlive(owner) && owner.pid !== process.pid) send(owner, 9);
    }
  }

  #signal(signal: number): boolean {
    const { process } = this.#workshop.store.state(this.id);
    return isAlive(process) && send(process, signal);
  }

  #pid(attempt: string): number {
    this.#mustBeThere();
    const { process } = this.#workshop.store.state(this.id);
    if (!isAlive(process)) throw this.#notRunning(attempt);
    return process.pid;
  }

  /** Of a container that another process watches over. */
  #elsewhere(): Process {
    const wait = (): Promise<ExitStatus> => this.wait();
    let exit: Promise<ExitStatus> | undefined;
    return {
      stdin: undefined,
      stdout: nothing(),
      stderr: nothing(),
      // Only when it is asked for: to wait keeps this process from ending.
      get exit() {
        return (exit ??= wait());
      },
      resize: (size) => this.#workshop.driver.resize(this.#record, size),
      kill: (signal) => this.kill(signal),
    };
  }

  #mustBeThere(): void {
    if (!this.#workshop.store.hasFolder(this.id)) throw this.#gone();
  }

  #gone(): RunnerError {
    return new RunnerError("NOT_FOUND", `Cannot find container "${this.name}": it was removed`);
  }

  #notRunning(attempt: string): RunnerError {
    return new RunnerError("STATE", `Cannot ${attempt} container "${this.name}": it does not run`);
  }
}

/** What is known of a container whose state is kept here. */
export function containerInfo(record: ContainerRecord, { store }: Pick<Workshop, "store">): ContainerInfo {
  const { state } = conditionOf(store, record);
  const { id, name, engine, image, created, plan } = record;
  return {
    id,
    name,
    engine,
    image,
    args: plan.args,
    labels: plan.labels,
    created,
    status: state.status,
    startedAt: state.startedAt,
    exit: state.exit,
    pid: state.process?.pid,
    restarts: state.restarts,
    ports: state.status === "running" ? state.ports : plan.ports,
    addresses: state.addresses,
  };
}

/** What comes of `work`, or the reason of the signal: then nobody waits for it any more. */
async function unlessAborted<T>(work: Promise<T>, { signal }: Options): Promise<T> {
  if (signal === undefined) return await work;
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    signal.throwIfAborted();
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

function send({ pid }: ProcessId, signal: number): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
