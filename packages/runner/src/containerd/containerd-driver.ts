import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Digest, Options } from "@lading/oci";
import type { ExecSpec, Process, Stdio } from "../engine.ts";
import { processCgroups } from "../isolation/process-cgroups.ts";
import { runtimeSpec } from "../runtime-spec.ts";
import type { IdMaps } from "../spec/namespaces.ts";
import type { ContainerRecord, ContainerStore } from "../state/container-store.ts";
import { lockFiles } from "../state/files-lock.ts";
import { idMapsOf } from "../state/id-maps.ts";
import { volumeFolders } from "../state/volumes.ts";
import type { DriverSettings, Task, TaskDriver, TaskRequest } from "../supervisor/task.ts";
import { accountsOf } from "./accounts.ts";
import { beginFailure } from "./begin-failure.ts";
import { chainIds } from "./chain-id.ts";
import { ContainerdClient } from "./client.ts";
import { containerObject, rootOf, withOomScore } from "./container-object.ts";
import { containerMounts } from "./container-snapshot.ts";
import { execProgram } from "./exec.ts";
import type { Fifos } from "./fifos.ts";
import type { Mount } from "./gen/types.ts";
import { isStatus, unlessGone } from "./grpc.ts";
import { holdMounts } from "./held-mounts.ts";
import { onOwnTerminal, ownTerminalSize, type TerminalSize } from "./own-terminal.ts";
import { beginProgram, killProgram, programEnd } from "./program.ts";
import { joinedSharedMemory, ownSharedMemory, releaseSharedMemory } from "./shared-memory.ts";
import { SharedMounts } from "./shared-mounts.ts";
import { makeTaskFolder } from "./task-folder.ts";

/** How to reach containerd, and what to use of it. */
export type ContainerdSettings = Extract<DriverSettings, { engine: "containerd" }>;

const sigkill = 9;

/**
 * Begins programs through containerd. A container is one of containerd's with a snapshot, both named
 * by its ID, from its first start until `remove`; while its program runs it has a task as well, and
 * named pipes in the folder `task`. Who works with its files holds the lock `files`.
 */
export class ContainerdDriver implements TaskDriver {
  readonly #client: ContainerdClient;
  readonly #store: ContainerStore;
  readonly #settings: ContainerdSettings;
  readonly #mounts = new SharedMounts();
  readonly #tops = new Map<Digest, string>();

  constructor(
    store: ContainerStore,
    settings: ContainerdSettings,
    client: ContainerdClient = ContainerdClient.at(settings.address, settings.namespace),
  ) {
    this.#store = store;
    this.#settings = settings;
    this.#client = client;
  }

  /** Tells the layers of an image, which else are looked up. */
  knows(image: Digest, diffIds: readonly Digest[]): void {
    this.#tops.set(image, chainIds(diffIds).at(-1) ?? "");
  }

  async start(request: TaskRequest, options: Options = {}): Promise<Task> {
    const { record, stdio } = request;
    const { interactive, terminal, shmSize } = record.plan;
    const memory = ownSharedMemory(this.#store, record);
    using _ = await this.#lock(record, options);
    const [fifos, mounts] = await Promise.allSettled([
      makeTaskFolder(this.#taskFolder(record), {
        stdin: interactive,
        terminal,
        sharedMemory:
          memory === undefined ? undefined : { folder: memory, size: shmSize, owner: rootOf(request.idMaps) },
      }),
      this.#prepare(request, options),
    ]);
    try {
      if (fifos.status === "rejected") throw fifos.reason;
      if (mounts.status === "rejected") throw mounts.reason;
      const task = await this.#begin(request, fifos.value, mounts.value, options);
      return stdio === "pipe" ? task : onOwnTerminal(task);
    } catch (error) {
      if (fifos.status === "fulfilled") fifos.value.close();
      await this.cleanUp(record);
      throw error;
    }
  }

  async cleanUp(record: ContainerRecord): Promise<void> {
    const folder = this.#taskFolder(record);
    // Made before anything else.
    if (!existsSync(folder)) return;
    await Promise.all([this.#deleteTask(record.id), releaseSharedMemory(this.#store, record.id)]);
    await rm(folder, { recursive: true, force: true });
  }

  async exec(
    record: ContainerRecord,
    _pid: number,
    spec: ExecSpec,
    { stdio = "none", signal }: Options & { readonly stdio?: Stdio | undefined } = {},
  ): Promise<Process> {
    const accounts = await accountsOf(this.#client, this.#store.root, record.image.id, { signal });
    return execProgram(this.#client, record, spec, { folder: this.#taskFolder(record), accounts, stdio, signal });
  }

  async resize({ id }: Pick<ContainerRecord, "id">, { columns, rows }: TerminalSize): Promise<void> {
    await this.#client.tasks.resizePty({ containerId: id, execId: "", width: columns, height: rows });
  }

  async withFiles<T>(record: ContainerRecord, work: (root: string) => Promise<T>, options: Options = {}): Promise<T> {
    const mount = async (): Promise<Awaited<ReturnType<typeof holdMounts>>> => {
      const lock = await this.#lock(record, options);
      try {
        const idMaps = idMapsOf(this.#store, record);
        await this.#makeContainer(record, idMaps, undefined, options);
        const held = await holdMounts(await this.#rootOf(record, idMaps, options));
        return {
          root: held.root,
          async [Symbol.asyncDispose](): Promise<void> {
            await held[Symbol.asyncDispose]();
            lock[Symbol.dispose]();
          },
        };
      } catch (error) {
        lock[Symbol.dispose]();
        throw error;
      }
    };
    return this.#mounts.use(record.id, mount, work);
  }

  async remove({ id }: ContainerRecord): Promise<void> {
    const { containers, snapshots } = this.#client;
    await Promise.all([
      unlessGone(containers.delete({ id })),
      unlessGone(snapshots.remove({ snapshotter: this.#settings.snapshotter, key: id })),
    ]);
  }

  /** The container with its spec, then what to mount for it. */
  async #prepare(request: TaskRequest, options: Options): Promise<readonly Mount[]> {
    const { record, files, joined, hostname, idMaps } = request;
    const spec = runtimeSpec(withOomScore(record.plan), {
      root: "rootfs",
      cgroupsPath: `/lading-${record.id}`,
      files,
      joined,
      hostname,
      idMaps,
      volumes: volumeFolders(this.#store.root, record.plan),
      sharedMemory: ownSharedMemory(this.#store, record) ?? joinedSharedMemory(this.#store, record),
    });
    await this.#makeContainer(record, idMaps, spec, options);
    return this.#rootOf(record, idMaps, options);
  }

  /** One that is there gets the spec; without one it stays as it is. */
  async #makeContainer(
    record: ContainerRecord,
    idMaps: IdMaps | undefined,
    spec: object | undefined,
    { signal }: Options,
  ): Promise<void> {
    const { containers } = this.#client;
    const container = containerObject(record, { ...this.#settings, spec, idMaps });
    try {
      await containers.create({ container }, signal);
    } catch (error) {
      if (!isStatus(error, "ALREADY_EXISTS")) throw error;
      if (spec !== undefined) await containers.update({ container, updateMask: ["spec"] }, signal);
    }
  }

  #rootOf({ id, image }: ContainerRecord, idMaps: IdMaps | undefined, options: Options): Promise<readonly Mount[]> {
    const { snapshotter } = this.#settings;
    return containerMounts(
      this.#client,
      { id, image: image.id, top: this.#tops.get(image.id), snapshotter, idMaps },
      options,
    );
  }

  async #begin(
    { record, stdio }: TaskRequest,
    fifos: Fifos,
    rootfs: readonly Mount[],
    { signal }: Options,
  ): Promise<Task> {
    const { id, name, plan } = record;
    const attempt = `start container "${name}"`;
    let init: number;
    try {
      const made = { containerId: id, rootfs: [...rootfs], ...fifos.paths, terminal: plan.terminal };
      ({ pid: init } = await this.#client.tasks.create(made, signal));
    } catch (error) {
      throw beginFailure(attempt, error);
    }
    // Before it begins, lest it sees another.
    if (stdio === "inherit") await this.resize(record, ownTerminalSize());
    const cgroups = readFile(`/proc/${init}/cgroup`, "utf8").then(processCgroups);
    const oomKilled = async (): Promise<boolean> => (await cgroups.catch(() => undefined))?.oomKilled() ?? false;
    // Whoever asks hears of it.
    cgroups.catch(() => undefined);
    const program = { containerId: id, execId: "", fifos, attempt, oomKilled };
    return beginProgram(this.#client, program, { signal });
  }

  async #deleteTask(containerId: string): Promise<void> {
    const { tasks } = this.#client;
    try {
      await unlessGone(tasks.delete({ containerId }));
    } catch (error) {
      if (!isStatus(error, "FAILED_PRECONDITION")) throw error;
      // Whoever watched over it is gone, and it is not.
      await killProgram(this.#client, { containerId, execId: "", signal: sigkill, all: true });
      await programEnd(this.#client, containerId, "");
      await unlessGone(tasks.delete({ containerId }));
    }
  }

  #lock({ id }: ContainerRecord, options: Options): Promise<Disposable> {
    return lockFiles(join(this.#store.folder(id), "files"), options);
  }

  #taskFolder({ id }: ContainerRecord): string {
    return join(this.#store.folder(id), "task");
  }
}
