import type { Descriptor, Digest, Image, ImageConfig, LayerIndex, Options, Source } from "@lading/oci";
import type { ContainerPlan } from "./container-plan.ts";
import type { Isolation } from "./isolation/isolation.ts";
import type { NetworkSource, PortMapping } from "./run-spec.ts";

/*
 * The contract that podman, containerd and runc meet here; `engineSuite` is the same as a program.
 *
 * The life of a container: `create` takes a plan with nothing left open and makes what a start
 * needs, but no process. `start` begins its program, once, or again after it has ended. Its output
 * is in the log from the first byte, whoever looks on. `wait` resolves when the program has ended
 * and nothing of its sandbox is left: no mount, no network, no cgroup. What remains until `remove`
 * are the files it wrote, its log and how it ended. `create` with `autoRemove` does that by itself.
 *
 * An engine changes nothing of the plan and adds nothing to it. What it cannot do it refuses in
 * `create` (RunnerError UNSUPPORTED): nobody gets less isolation than they were promised.
 */

export type EngineName = "podman" | "containerd" | "runc";

/** What an engine is and can do, found out by asking it. */
export interface EngineInfo {
  readonly name: EngineName;
  readonly version: string;
  /** What begins processes: `{ name: "runc", version: "1.1.5" }`. */
  readonly runtime: { readonly name: string; readonly version: string };
  /** Where it is: a socket, or the runtime's path. */
  readonly endpoint: string;
  /** Whether containers belong to a user other than root. */
  readonly rootless: boolean;
  /** Which limits it can enforce here. */
  readonly limits: readonly ("memory" | "cpu" | "cpuset" | "pids")[];
  readonly networks: readonly Extract<NetworkSource, string>[];
  readonly userNamespaces: readonly ("host" | "auto" | "keep-id" | "mapped")[];
  /** Whether a container can have a clock of its own (time_namespaces(7)). */
  readonly timeNamespaces: boolean;
}

/** Why an engine is, or is not, one to run with; what `doctor` prints. */
export interface EngineProbe {
  readonly name: EngineName;
  /** Set when it can be used. */
  readonly info?: EngineInfo | undefined;
  /** What was tried and how it failed, one line each. */
  readonly findings: readonly string[];
}

/** An image that an engine has. */
export interface EngineImage {
  /** The digest of its config: what docker and podman call the image ID. */
  readonly id: Digest;
  /** Of the manifest that it came with. */
  readonly digest: Digest | undefined;
  /** Full references. */
  readonly names: readonly string[];
  readonly config: ImageConfig;
  /** Bytes on disk, as the engine counts them. */
  readonly size: number;
  /** RFC 3339. */
  readonly created: string | undefined;
}

/** An image of an engine, to be read. */
export interface OpenedImage extends AsyncDisposable {
  readonly image: Image;
}

export interface ImportOptions extends Options {
  /** The full reference that it gets; an existing one moves. */
  readonly name?: string | undefined;
  /** The index that it was chosen from, of the same source: the name may have the digest of that. */
  readonly index?: Descriptor | undefined;
  /** What layers hold that were read before, by diffID: an engine need not read them again for it. */
  readonly indexes?: ReadonlyMap<Digest, LayerIndex> | undefined;
}

/** The images of an engine. They get there only by `import`: no engine pulls. */
export interface EngineImages {
  /** By reference, image ID, or a prefix of at least 4 digits of that. */
  find(name: string, options?: Options): Promise<EngineImage | undefined>;
  /** Takes the image whose manifest `root` is from any source. Does not move a byte of what is there already. */
  import(source: Source, root: Descriptor, options?: ImportOptions): Promise<EngineImage>;
  list(options?: Options): Promise<readonly EngineImage[]>;
  /** Its documents and layers, to look into what was not imported here; until it is disposed of. Throws RunnerError NOT_FOUND. */
  open(id: Digest, options?: Options): Promise<OpenedImage>;
  /** Takes a name away, and the image with its last one. Throws RunnerError NOT_FOUND, or IN_USE unless `force`. */
  remove(name: string, options?: Options & { readonly force?: boolean }): Promise<void>;
}

export type ContainerStatus = "created" | "running" | "paused" | "exited";

/** How a program ended. */
export interface ExitStatus {
  /** Its own, or 128 and the number of the signal that ended it. */
  readonly code: number;
  /** Whether the kernel ended it for want of memory. */
  readonly oomKilled: boolean;
  /** RFC 3339. */
  readonly finishedAt: string;
}

/** A container as it is now. */
export interface ContainerInfo {
  readonly id: string;
  readonly name: string;
  readonly engine: EngineName;
  readonly image: { readonly id: Digest; readonly name: string };
  /** The arguments of its program. */
  readonly args: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** RFC 3339. */
  readonly created: string;
  readonly status: ContainerStatus;
  readonly startedAt: string | undefined;
  readonly exit: ExitStatus | undefined;
  /** Its program, in the host's numbers; while it runs. */
  readonly pid: number | undefined;
  readonly restarts: number;
  /** Of the host, with the port that the kernel chose where none was named. */
  readonly ports: readonly PortMapping[];
  /** Its addresses, while it runs on a bridge. */
  readonly addresses: readonly string[];
}

/** How a program's streams are connected. `none`: to the log alone. `inherit`: to this process's own too. `pipe`: to the caller too. */
export type Stdio = "none" | "inherit" | "pipe";

/** A program while it runs. */
export interface Process {
  /** What it reads; only with `pipe`, and when the plan says `interactive`. End it to say that there is no more. */
  readonly stdin: NodeJS.WritableStream | undefined;
  /** Only with `pipe`, else nothing. With a terminal everything is on stdout. */
  readonly stdout: AsyncIterable<Uint8Array>;
  readonly stderr: AsyncIterable<Uint8Array>;
  /** How it ended, when its streams have as well. Never rejects for what the program does. */
  readonly exit: Promise<ExitStatus>;
  /** The size of its terminal, in characters. */
  resize(size: { readonly columns: number; readonly rows: number }): Promise<void>;
  /** A signal by name: "SIGTERM". */
  kill(signal: string): Promise<void>;
}

export interface StartOptions extends Options {
  /** Default: `none`. */
  readonly stdio?: Stdio | undefined;
  /**
   * Whether the container outlives this process. Default: true with `none`, else false: then it is
   * this process that watches over it, restarts it and cleans up.
   */
  readonly detached?: boolean | undefined;
}

/** A program beside the container's own. */
export interface ExecSpec {
  readonly command: readonly string[];
  /** `NAME=value`, over the container's. */
  readonly env?: readonly string[] | undefined;
  /** Default: the container's. */
  readonly workdir?: string | undefined;
  /** Default: the container's. */
  readonly user?: string | undefined;
  readonly terminal?: boolean | undefined;
  readonly interactive?: boolean | undefined;
}

/** A line of what a program wrote, or a part of one when it is longer than 16 KiB. */
export interface LogLine {
  readonly stream: "stdout" | "stderr";
  /** RFC 3339, with nanoseconds where they are known. */
  readonly time: string;
  /** Without its line end. */
  readonly text: Uint8Array;
  /** Whether the line goes on in the next of the same stream. */
  readonly partial: boolean;
}

export interface LogsOptions extends Options {
  /** Go on until the container has ended. Default: false. */
  readonly follow?: boolean | undefined;
  /** Only what was written at or after this. */
  readonly since?: Date | undefined;
  readonly until?: Date | undefined;
  /** Only so many of the last lines. */
  readonly tail?: number | undefined;
}

/** What a container uses; counters are totals since its start. */
export interface ContainerStats {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Nanoseconds of processor time. */
  readonly cpu: number;
  /** Bytes, without the page cache that the kernel would give back. */
  readonly memory: number;
  /** Bytes; undefined without a limit. */
  readonly memoryLimit: number | undefined;
  readonly pids: number;
  /** Bytes; undefined on the host's network. */
  readonly network: { readonly received: number; readonly sent: number } | undefined;
  /** Bytes. */
  readonly block: { readonly read: number; readonly written: number };
}

/** A container of an engine. Disposing of it stops and removes it. */
export interface Container extends AsyncDisposable {
  readonly id: string;
  readonly name: string;
  readonly engine: EngineName;
  info(options?: Options): Promise<ContainerInfo>;
  /** Throws RunnerError STATE when it runs, COMMAND_NOT_FOUND and COMMAND_NOT_EXECUTABLE. */
  start(options?: StartOptions): Promise<Process>;
  /** Sends its stop signal, and SIGKILL `grace` milliseconds later. Ended or not, it is stopped then: its restart policy rests. */
  stop(options?: Options & { readonly grace?: number | undefined }): Promise<void>;
  /** Sends a signal by name or number ("SIGTERM", "TERM", "15"). Throws RunnerError STATE when it does not run. */
  kill(signal?: string, options?: Options): Promise<void>;
  /** How its program ended; at once when it has. */
  wait(options?: Options): Promise<ExitStatus>;
  logs(options?: LogsOptions): AsyncIterable<LogLine>;
  /** Throws RunnerError STATE when it does not run. */
  exec(spec: ExecSpec, options?: Options & { readonly stdio?: Stdio | undefined }): Promise<Process>;
  stats(options?: Options): Promise<ContainerStats>;
  /** Its isolation as the kernel has it. Throws RunnerError STATE when it does not run. */
  isolation(options?: Options): Promise<Isolation>;
  /** Work with its files as its program sees them, running or not; they are there until it resolves. */
  withFiles<T>(work: (root: string) => Promise<T>, options?: Options): Promise<T>;
  /** Throws RunnerError STATE when it runs and NOT_FOUND when it is gone, unless `force`: then it is killed, and gone is as it should be. */
  remove(options?: Options & { readonly force?: boolean | undefined }): Promise<void>;
}

export interface CreateOptions extends Options {
  /** The name that the image was asked for by, for people. */
  readonly imageName: string;
}

/** A container engine. */
export interface Engine extends AsyncDisposable {
  readonly name: EngineName;
  info(options?: Options): Promise<EngineInfo>;
  readonly images: EngineImages;
  /** Makes a container of an image that it has. Throws RunnerError NAME_TAKEN, UNSUPPORTED, PORT_TAKEN. */
  create(plan: ContainerPlan, image: EngineImage, options: CreateOptions): Promise<Container>;
  /** By ID, a prefix of it that no other has, or name; only those that Lading made. Throws RunnerError NOT_FOUND. */
  get(idOrName: string, options?: Options): Promise<Container>;
  /** Those that Lading made, the newest first. */
  list(options?: Options): Promise<readonly ContainerInfo[]>;
}
