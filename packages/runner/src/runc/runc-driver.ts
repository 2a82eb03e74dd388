import { mkdirSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Options } from "@lading/oci";
import type { ExecSpec, Process, Stdio } from "../engine.ts";
import { RunnerError } from "../errors.ts";
import { readHost } from "../host/read-host.ts";
import type { Accounts } from "../image/user.ts";
import { idOutside } from "../isolation/id-map.ts";
import { runtimeSpec } from "../runtime-spec.ts";
import type { IdMaps } from "../spec/namespaces.ts";
import type { ContainerRecord, ContainerStore } from "../state/container-store.ts";
import { lockFiles } from "../state/files-lock.ts";
import { idMapsOf } from "../state/id-maps.ts";
import { randomDigits } from "../state/random-digits.ts";
import { rootedPath } from "../state/rooted-path.ts";
import { volumeFolders } from "../state/volumes.ts";
import { besideProgram } from "../supervisor/beside.ts";
import { Outlet } from "../supervisor/outlet.ts";
import type { Task, TaskDriver, TaskRequest } from "../supervisor/task.ts";
import { terminalSize } from "../supervisor/terminal.ts";
import { cgroupOf, cgroupsOf, removeCgroups } from "./cgroups.ts";
import { execSpec } from "./exec-spec.ts";
import { withImageFiles } from "./image-files.ts";
import { lowerFolders } from "./lower-folders.ts";
import { likeRoot, OverlayFolder } from "./overlay-folder.ts";
import { metacopy, type Overlay, rootPlace, sharedMemoryPlace, withMounts, withOverlay } from "./overlay.ts";
import { beginProgram, type RuntimeProcess } from "./runtime-process.ts";
import { Runtime } from "./runtime.ts";
import { parentOf, resizeTerminal } from "./terminal.ts";

/*
 * Below a container's folder, in `task`: its overlay, see overlay-folder.ts, from `create` to `remove`;
 * `config.json`, `fstab`, `pid` and `runtime.log` of one start; folders `exec-…`, each as long as its program.
 */

/** Begins programs by runc or crun. */
export class RuncDriver implements TaskDriver {
  readonly #store: ContainerStore;
  readonly #runtime: Runtime;

  constructor(store: ContainerStore, { runtime }: { readonly runtime: string }) {
    this.#store = store;
    this.#runtime = new Runtime(runtime, store.root);
  }

  /** Makes what a container keeps from start to start: the folders that it writes to. */
  async prepare(record: Pick<ContainerRecord, "id" | "plan" | "image">): Promise<void> {
    const lower = await lowerFolders(this.#store.root, record.image.id, idMapsOf(this.#store, record));
    likeRoot(OverlayFolder.make(this.#task(record), lower.folders).upper, lower);
  }

  async start(request: TaskRequest, options: Options = {}): Promise<Task> {
    const { record, joined, files, hostname, idMaps, stdio } = request;
    const { id, plan, name } = record;
    const task = this.#task(record);
    const log = join(task, "runtime.log");
    const pidFile = join(task, "pid");
    const overlay = this.#overlay(record);
    for (const left of [log, pidFile]) rmSync(left, { force: true });
    const { ipc } = plan.namespaces;
    const from = await this.#sharedWith(record);
    const sharesMemory = ipc === "private" || from !== undefined;
    const spec = runtimeSpec(plan, {
      root: rootPlace,
      cgroupsPath: cgroupOf(id),
      files,
      joined,
      hostname,
      terminalSize: plan.terminal && stdio === "inherit" ? terminalSize() : undefined,
      idMaps,
      volumes: volumeFolders(this.#store.root, plan),
      sharedMemory: sharesMemory ? sharedMemoryPlace : undefined,
    });
    writeFileSync(join(task, "config.json"), JSON.stringify(spec), { mode: 0o600 });
    const limited = plan.resources.memory !== undefined;
    // Else its cgroup is gone before anybody could ask whether it was short of memory. crun knows no such thing.
    const keep = limited && !this.#runtime.isCrun ? ["--keep"] : [];
    const run = this.#runtime.command(log, "run", ...keep, "--bundle", task, "--pid-file", pidFile, id);
    const program = await beginProgram(
      {
        command: withMounts(overlay, run, {
          table: join(task, "fstab"),
          sharedMemory: ipc === "private" ? { size: plan.shmSize, ...rootOf(idMaps) } : undefined,
          from,
          hide: this.#runtime.isCrun ? readHost().hybridControllers : undefined,
        }),
        pidFile,
        logFile: log,
        terminal: plan.terminal,
        interactive: plan.interactive,
        stdio,
        attempt: `start container "${name}" with ${this.#runtime.name}`,
      },
      options,
    ).catch(async (error: unknown) => {
      await this.cleanUp(record);
      throw error;
    });
    const cgroups = limited ? await cgroupsOf(id, program.pid) : undefined;
    return taskOf(program, async () => (await cgroups?.oomKilled()) ?? false);
  }

  async cleanUp({ id }: ContainerRecord): Promise<void> {
    // A runtime that came to its end has done so itself.
    if (await this.#runtime.delete(id)) removeCgroups(id);
  }

  async exec(
    record: ContainerRecord,
    _pid: number,
    spec: ExecSpec,
    { stdio = "none", signal }: Options & { readonly stdio?: Stdio | undefined } = {},
  ): Promise<Process> {
    const folder = join(this.#task(record), `exec-${randomDigits(12)}`);
    const at = (name: string): string => join(folder, name);
    const { terminal = false } = spec;
    const interactive = spec.interactive === true && stdio !== "none";
    const inherits = stdio === "inherit" && terminal;
    mkdirSync(folder, { mode: 0o700 });
    const end = (): void => rmSync(folder, { recursive: true, force: true });
    try {
      const accounts = spec.user === undefined ? noAccounts : await this.#accounts(record, at("image"));
      const process = execSpec(record.plan, accounts, spec, inherits ? terminalSize() : undefined);
      writeFileSync(at("process.json"), JSON.stringify(process), { mode: 0o600 });
      const exec = ["exec", "--process", at("process.json"), "--pid-file", at("pid"), record.id];
      const program = await beginProgram(
        {
          command: this.#runtime.command(at("log"), ...exec),
          pidFile: at("pid"),
          logFile: at("log"),
          terminal,
          interactive,
          stdio: inherits ? "inherit" : "pipe",
          attempt: `execute "${spec.command[0] ?? ""}" in container "${record.name}"`,
        },
        { signal },
      );
      return besideProgram(taskOf(program), new Outlet(stdio, interactive), end);
    } catch (error) {
      end();
      throw error;
    }
  }

  async resize({ id }: ContainerRecord, size: { readonly columns: number; readonly rows: number }): Promise<void> {
    const { process } = this.#store.state(id);
    if (process !== undefined) await resizeTerminal(process.pid, size);
  }

  async withFiles<T>(record: ContainerRecord, work: (root: string) => Promise<T>, options: Options = {}): Promise<T> {
    using _ = await lockFiles(join(this.#task(record), "files.lock"), options);
    return await withOverlay(this.#overlay(record), work, options);
  }

  async remove(): Promise<void> {
    // All that `create` made is in the container's folder.
  }

  #overlay(record: ContainerRecord): Overlay {
    const maps = idMapsOf(this.#store, record);
    return { folder: OverlayFolder.open(this.#task(record)), options: maps === undefined ? [] : metacopy };
  }

  /**
   * The runtime of the container whose ipc namespace is joined, if it is one of ours: where that has
   * its mounts is its /dev/shm, which comes with the namespace. Throws RunnerError STATE.
   */
  async #sharedWith({ plan }: ContainerRecord): Promise<number | undefined> {
    const { ipc } = plan.namespaces;
    if (typeof ipc === "string" || "path" in ipc) return undefined;
    const { id, name, engine } = this.#store.find(ipc.container);
    const other = this.#store.state(id).process;
    if (engine !== "runc" || other === undefined) return undefined;
    const runtime = await parentOf(other.pid);
    if (runtime === undefined || mountNamespace(runtime) === mountNamespace("self"))
      throw new RunnerError("STATE", `Cannot join the ipc namespace of "${name}": its runtime was killed`);
    return runtime;
  }

  #task({ id }: Pick<ContainerRecord, "id">): string {
    return join(this.#store.folder(id), "task");
  }

  /** @param folder - Where the image's files may be mounted. */
  async #accounts({ image }: ContainerRecord, folder: string): Promise<Accounts> {
    return await withImageFiles(this.#store.root, image.id, folder, async (files) => {
      const read = (path: string): Promise<string> => readFile(rootedPath(files, path), "utf8").catch(() => "");
      const [passwd, group] = await Promise.all([read("/etc/passwd"), read("/etc/group")]);
      return { passwd, group };
    });
  }
}

const noAccounts: Accounts = { passwd: "", group: "" };

/** The host's numbers of the container's root. */
function rootOf(maps: IdMaps | undefined): { readonly uid: number; readonly gid: number } {
  return maps === undefined ? { uid: 0, gid: 0 } : { uid: idOutside(maps.uidMap, 0), gid: idOutside(maps.gidMap, 0) };
}

/** A program of the runtime as the supervisor knows it. */
function taskOf(program: RuntimeProcess, oomKilled: () => Promise<boolean> = async () => false): Task {
  return {
    ...program,
    exit: program.exit.then(async (code) => ({ code, oomKilled: await oomKilled() })),
    kill: async (signal) => send(program.pid, signal),
  };
}

function send(pid: number, signal: number): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended: there is nobody to hear it.
  }
}

function mountNamespace(pid: number | string): string {
  return readlinkSync(`/proc/${pid}/ns/mnt`);
}
