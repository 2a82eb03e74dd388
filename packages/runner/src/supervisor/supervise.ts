import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Options } from "@lading/oci";
import type { ExitStatus, Process, Stdio } from "../engine.ts";
import { RunnerError } from "../errors.ts";
import type { Connection, Networks } from "../network/networks.ts";
import {
  type ContainerRecord,
  type ContainerState,
  type ContainerStore,
  createdState,
} from "../state/container-store.ts";
import { idMapsOf } from "../state/id-maps.ts";
import { isAlive, processId } from "../state/process-id.ts";
import { releaseLock, takeLock } from "../state/process-lock.ts";
import { lockFile, logFolder, stoppedFile } from "./container-folder.ts";
import { FolderChanges } from "./folder-changes.ts";
import { LogWriter } from "./log-writer.ts";
import { Outlet } from "./outlet.ts";
import { removeContainer } from "./remove-container.ts";
import { Restarts } from "./restart-policy.ts";
import { signalNumber } from "./signals.ts";
import type { Task, TaskDriver } from "./task.ts";

/** What a supervisor works with. */
export interface Workshop {
  readonly store: ContainerStore;
  readonly driver: TaskDriver;
  readonly networks: Networks;
}

export interface SuperviseOptions extends Options {
  readonly stdio: Stdio;
}

/**
 * Starts a container and watches over it in this process until it has ended for good: writes its log
 * and its state, starts it again as its policy says, and leaves nothing of it but its files; with
 * `autoRemove` not even these. Resolves when the program has begun. Throws RunnerError STATE when it
 * runs, and as `TaskDriver.start` and `Networks.connect`.
 */
export async function supervise(
  record: ContainerRecord,
  workshop: Workshop,
  { stdio, signal }: SuperviseOptions,
): Promise<Process> {
  const { store } = workshop;
  const folder = store.folder(record.id);
  const lock = join(folder, lockFile);
  const runsAlready = (): RunnerError =>
    new RunnerError("STATE", `Cannot start container "${record.name}": it runs already`);
  if (takeLock(lock) !== undefined) throw runsAlready();
  // Its supervisor was killed, it goes on: who watches over nothing must not hold the lock.
  if (isAlive(store.state(record.id).process)) {
    releaseLock(lock);
    throw runsAlready();
  }
  try {
    rmSync(join(folder, stoppedFile), { force: true });
    return await Supervision.begin(record, workshop, stdio, { signal });
  } catch (error) {
    if (record.plan.autoRemove) await removeContainer(record, workshop);
    else releaseLock(lock);
    throw error;
  }
}

/** One container from its start to its end. */
class Supervision {
  readonly #record: ContainerRecord;
  readonly #workshop: Workshop;
  readonly #folder: string;
  readonly #outlet: Outlet;
  readonly #log: LogWriter;
  readonly #inherits: boolean;
  #connection: Connection | undefined;
  #task: Task | undefined;
  #state: ContainerState;
  #began = 0;

  static async begin(record: ContainerRecord, workshop: Workshop, stdio: Stdio, options: Options): Promise<Process> {
    const supervision = new Supervision(record, workshop, stdio);
    try {
      await supervision.#start(options);
    } catch (error) {
      await supervision.#release();
      throw error;
    }
    return supervision.#process();
  }

  private constructor(record: ContainerRecord, workshop: Workshop, stdio: Stdio) {
    this.#record = record;
    this.#workshop = workshop;
    this.#folder = workshop.store.folder(record.id);
    this.#inherits = stdio === "inherit" && record.plan.terminal;
    this.#outlet = new Outlet(stdio, record.plan.interactive);
    this.#log = new LogWriter(join(this.#folder, logFolder));
    this.#state = { ...createdState, supervisor: processId() };
  }

  #process(): Process {
    const exit = this.#run();
    // For whoever does not wait for it; who does hears of it.
    exit.catch(() => undefined);
    return {
      stdin: this.#outlet.stdin,
      stdout: this.#outlet.output("stdout"),
      stderr: this.#outlet.output("stderr"),
      exit,
      resize: async (size) => this.#task?.resize(size),
      kill: async (signal) => this.#task?.kill(signalNumber(signal)),
    };
  }

  /** Begins the program, on a network that lasts for all its starts. */
  async #start({ restarts = 0, ...options }: Options & { readonly restarts?: number }): Promise<void> {
    const { store, driver, networks } = this.#workshop;
    const record = this.#record;
    const folder = this.#folder;
    const idMaps = idMapsOf(store, record);
    const hostname = record.plan.hostname ?? record.id.slice(0, 12);
    await driver.cleanUp(record);
    this.#connection ??= await networks.connect({ record, folder, hostname, ids: idMaps }, options);
    const { joined, files, ports, addresses } = this.#connection;
    const stdio = this.#inherits ? "inherit" : "pipe";
    const task = await driver.start({ record, folder, joined, files, hostname, idMaps, stdio }, options);
    this.#task = task;
    this.#began = Date.now();
    this.#write({
      status: "running",
      process: processId(task.pid),
      startedAt: new Date(this.#began).toISOString(),
      exit: undefined,
      restarts,
      ports,
      addresses,
    });
  }

  /** From the first start to the last end. */
  async #run(): Promise<ExitStatus> {
    const restarts = new Restarts(this.#record.plan.restart);
    for (;;) {
      const exit = await this.#untilEnd();
      const { code } = exit;
      const ran = Date.now() - this.#began;
      const delay = restarts.next({ code, ran, restarts: this.#state.restarts, stopped: this.#isStopped() });
      const ended = { status: "exited", process: undefined, exit, addresses: [] } as const;
      if (delay === undefined) return await this.#finish(exit, ended);
      this.#write(ended);
      if (await this.#isStoppedWithin(delay)) return await this.#finish(exit, ended);
      const count = this.#state.restarts + 1;
      await this.#start({ restarts: count }).catch((error: unknown) => {
        this.#log.write("stderr", Buffer.from(`${String(error)}\n`));
        this.#write({ restarts: count });
      });
    }
  }

  /** How the program that runs has ended, when nothing of it is left. */
  async #untilEnd(): Promise<ExitStatus> {
    const task = this.#task;
    // A start that failed ends at once.
    let end = { code: 125, oomKilled: false };
    if (task !== undefined) {
      const copied = this.#outlet.connect(task, this.#log);
      end = await task.exit;
      await copied;
      this.#task = undefined;
      await this.#workshop.driver.cleanUp(this.#record);
    }
    return { ...end, finishedAt: new Date().toISOString() };
  }

  async #finish(exit: ExitStatus, ended: Partial<ContainerState>): Promise<ExitStatus> {
    const { store } = this.#workshop;
    const { plan, id } = this.#record;
    await this.#release();
    if (plan.autoRemove) {
      store.keepExit(id, exit);
      await removeContainer(this.#record, this.#workshop);
    } else {
      this.#write({ ...ended, supervisor: undefined });
      releaseLock(join(this.#folder, lockFile));
    }
    this.#outlet.close();
    return exit;
  }

  async #release(): Promise<void> {
    this.#log[Symbol.dispose]();
    await this.#connection?.[Symbol.asyncDispose]();
  }

  #isStopped(): boolean {
    return existsSync(join(this.#folder, stoppedFile));
  }

  /** Waits for that long, or until somebody stops the container. */
  async #isStoppedWithin(delay: number): Promise<boolean> {
    const end = Date.now() + delay;
    using changes = new FolderChanges(this.#folder, [stoppedFile]);
    while (!this.#isStopped()) {
      const timeout = end - Date.now();
      if (timeout <= 0) return false;
      await changes.next({ timeout });
    }
    return true;
  }

  #write(change: Partial<ContainerState>): void {
    this.#state = { ...this.#state, ...change };
    this.#workshop.store.writeState(this.#record.id, this.#state);
  }
}
