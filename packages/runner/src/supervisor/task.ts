import type { Readable, Writable } from "node:stream";
import type { Options } from "@lading/oci";
import type { ExecSpec, Process, Stdio } from "../engine.ts";
import type { NamespaceKind } from "../isolation/isolation.ts";
import type { ContainerRecord } from "../state/container-store.ts";
import type { IdMaps } from "../spec/namespaces.ts";

/*
 * runc and containerd know how to begin a program and little more. What a container is beyond that
 * (its log, its network, restarts, cleaning up) is the supervisor's, which is the same for both; a
 * `TaskDriver` is all that it needs of a runtime. `SupervisedContainer` is the container that people
 * get, made of both.
 */

/** What a runtime has to know to begin a container's program. */
export interface TaskRequest {
  readonly record: ContainerRecord;
  /** The container's folder in the state; a driver keeps what it needs in a folder `task` below it. */
  readonly folder: string;
  /** Files that stand for the namespaces which are not new ones: of the network that the supervisor made, and of those that are shared. */
  readonly joined: Readonly<Partial<Record<NamespaceKind, string>>>;
  /** Files to mount over the image's, by path in the container: /etc/hosts, /etc/hostname, /etc/resolv.conf. */
  readonly files: Readonly<Record<string, string>>;
  readonly hostname: string;
  /** Of its user namespace; undefined: it has none of its own. */
  readonly idMaps: IdMaps | undefined;
  /**
   * `pipe`: output comes as `Task.stdout` and `stderr`. `inherit`: the program has this process's
   * own terminal, which the runtime then handles, its size included; only with `terminal` of the plan.
   */
  readonly stdio: "pipe" | "inherit";
}

/** A program that a driver has begun. */
export interface Task {
  readonly pid: number;
  /** When it is interactive, and not with `inherit`. */
  readonly stdin: Writable | undefined;
  /** Not with `inherit`. With a terminal everything is on stdout. */
  readonly stdout: Readable | undefined;
  readonly stderr: Readable | undefined;
  /** How it ended. Its output may not be read to the end then. */
  readonly exit: Promise<{ readonly code: number; readonly oomKilled: boolean }>;
  kill(signal: number): Promise<void>;
  resize(size: { readonly columns: number; readonly rows: number }): Promise<void>;
}

export interface TaskDriver {
  /** Throws RunnerError COMMAND_NOT_FOUND, COMMAND_NOT_EXECUTABLE and ENGINE; nothing is left then. */
  start(request: TaskRequest, options?: Options): Promise<Task>;
  /** Takes away what a task left behind: called when it has ended, before each start, and when its supervisor died. Does nothing twice. */
  cleanUp(record: ContainerRecord): Promise<void>;
  /** Begins another program beside the container's, which runs as `pid`. Throws as `start`. */
  exec(
    record: ContainerRecord,
    pid: number,
    spec: ExecSpec,
    options?: Options & { readonly stdio?: Stdio | undefined },
  ): Promise<Process>;
  /** The size of the container's terminal, for who did not start it. */
  resize(record: ContainerRecord, size: { readonly columns: number; readonly rows: number }): Promise<void>;
  /** Shows the files of a container that does not run in a folder, until `work` resolves. */
  withFiles<T>(record: ContainerRecord, work: (root: string) => Promise<T>, options?: Options): Promise<T>;
  /** Takes away what the engine made in `create`, but for what is in the container's folder. Does nothing twice. */
  remove(record: ContainerRecord): Promise<void>;
}

/** How another process (the one that watches over a detached container) gets the same driver. JSON. */
export type DriverSettings =
  | {
      readonly engine: "runc";
      /** The path of runc or crun. */
      readonly runtime: string;
    }
  | {
      readonly engine: "containerd";
      /** The path of its socket. */
      readonly address: string;
      /** Which of containerd's namespaces has the images and containers. */
      readonly namespace: string;
      readonly snapshotter: string;
      /** The path of runc or crun. */
      readonly runtime: string;
    };
