import { buffer } from "node:stream/consumers";
import type { Descriptor, Options, Source } from "@lading/oci";
import { chooseEngine, type EngineChoice } from "./choose-engine.ts";
import { createContainer } from "./create-container.ts";
import type { Container, Engine, EngineImage, ExecSpec, ExitStatus, LogLine, LogsOptions, Process } from "./engine.ts";
import { endWithProcess } from "./end-with-process.ts";
import { RunnerError } from "./errors.ts";
import { FactsStore } from "./image/facts-store.ts";
import { importImage } from "./import-image.ts";
import { publishedPort, type Readiness, waitUntilReady } from "./readiness.ts";
import type { RunSpec } from "./run-spec.ts";
import { ContainerStore } from "./state/container-store.ts";
import { stateFolder } from "./state/state-folder.ts";

/**
 * An image to run: the name of one that the engine has, where it is to be read from, or what brings
 * it to the engine.
 */
export type ImageInput =
  | string
  | { readonly source: Source; readonly descriptor: Descriptor; readonly name?: string | undefined }
  | ((engine: Engine) => Promise<NamedImage>);

/** An image that the engine has, and what people call it. */
export interface NamedImage {
  readonly image: EngineImage;
  readonly name: string;
}

export interface RunOptions extends EngineChoice {
  /** Where it runs. Default: as `chooseEngine`, and closed in the end. */
  readonly on?: Engine | undefined;
  /** When `run` returns. Default: when the program has begun. */
  readonly ready?: Readiness | undefined;
  /** Milliseconds to wait for that. Default: 60 000. */
  readonly readyTimeout?: number | undefined;
}

/** What a program beside the container's own wrote, and how it ended. */
export interface ExecResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A container that runs for this process: disposing of it, or the end of the process, ends and removes it. */
export interface RunningContainer extends AsyncDisposable {
  readonly id: string;
  readonly name: string;
  readonly container: Container;
  /** What was chosen because of the machine, for people. */
  readonly notes: readonly string[];
  /** What its program reads; with `interactive` only. End it to say that there is no more. */
  readonly stdin: NodeJS.WritableStream | undefined;
  /** Its output from the first byte, as often as it is asked for; ends with the program. */
  readonly stdout: AsyncIterable<Uint8Array>;
  readonly stderr: AsyncIterable<Uint8Array>;
  /** How its program ended, when it has. */
  wait(options?: Options): Promise<ExitStatus>;
  logs(options?: LogsOptions): AsyncIterable<LogLine>;
  /** Runs a command in it to its end. */
  exec(command: readonly string[] | ExecSpec, options?: Options): Promise<ExecResult>;
  /** Where a published port is reached from here. Throws RunnerError SPEC when it is not published. */
  port(containerPort: number, protocol?: "tcp" | "udp"): Promise<{ readonly host: string; readonly port: number }>;
  stop(options?: Options & { readonly grace?: number | undefined }): Promise<void>;
}

/**
 * Runs a program of an image, isolated as the spec says, and returns when it has begun, or is `ready`.
 * An abort of `signal` ends the waiting, not the container. Throws RunnerError.
 *
 * ```ts
 * await using box = await run("localhost/site:1", { ports: [{ containerPort: 80, hostPort: 0, protocol: "tcp" }] }, { ready: { http: 80 } });
 * const { host, port } = await box.port(80);
 * ```
 */
export async function run(image: ImageInput, spec: RunSpec = {}, options: RunOptions = {}): Promise<RunningContainer> {
  const { signal, ready, readyTimeout } = options;
  const engine = options.on ?? (await chooseEngine({ ...options, bridge: wantsBridge(spec) }));
  const close = async (): Promise<void> => {
    if (options.on === undefined) await engine[Symbol.asyncDispose]();
  };
  let container: Container | undefined;
  try {
    const root = stateFolder(options.root, options.env);
    const facts = FactsStore.of(root);
    const { image: found, name } = await imageOf(engine, image, { facts, signal });
    const created = await createContainer(engine, found, spec, { facts, signal, imageName: name });
    container = created.container;
    endWithProcess.add(container, new ContainerStore(root));
    const process = await container.start({
      stdio: spec.interactive === true ? "pipe" : "none",
      detached: false,
      signal,
    });
    const running = new Running(container, process, created.notes, close);
    if (ready !== undefined) await waitUntilReady(container, ready, { signal, timeout: readyTimeout });
    return running;
  } catch (error) {
    if (container !== undefined) await remove(container);
    await close();
    throw error;
  }
}

function wantsBridge({ network, ports = [] }: RunSpec): boolean {
  return network === "bridge" || ports.length > 0;
}

async function imageOf(
  engine: Engine,
  input: ImageInput,
  options: Options & { readonly facts: FactsStore },
): Promise<NamedImage> {
  if (typeof input === "function") return await input(engine);
  if (typeof input !== "string") {
    const image = await importImage(engine, input.source, input.descriptor, { ...options, name: input.name });
    return { image, name: input.name ?? image.id };
  }
  const image = await engine.images.find(input, options);
  if (image === undefined)
    throw new RunnerError("NOT_FOUND", `Cannot run "${input}": ${engine.name} has no such image`, {
      hint: "Name an image that was imported, or give its source and descriptor",
    });
  return { image, name: input };
}

class Running implements RunningContainer {
  readonly container: Container;
  readonly notes: readonly string[];
  readonly #process: Process;
  readonly #close: () => Promise<void>;

  constructor(container: Container, process: Process, notes: readonly string[], close: () => Promise<void>) {
    this.container = container;
    this.notes = notes;
    this.#process = process;
    this.#close = close;
  }

  get id(): string {
    return this.container.id;
  }

  get name(): string {
    return this.container.name;
  }

  get stdin(): NodeJS.WritableStream | undefined {
    return this.#process.stdin;
  }

  get stdout(): AsyncIterable<Uint8Array> {
    return this.#process.stdin === undefined ? logged(this.container, "stdout") : this.#process.stdout;
  }

  get stderr(): AsyncIterable<Uint8Array> {
    return this.#process.stdin === undefined ? logged(this.container, "stderr") : this.#process.stderr;
  }

  wait(options?: Options): Promise<ExitStatus> {
    return this.container.wait(options);
  }

  logs(options?: LogsOptions): AsyncIterable<LogLine> {
    return this.container.logs(options);
  }

  async exec(command: readonly string[] | ExecSpec, options: Options = {}): Promise<ExecResult> {
    const spec = "command" in command ? command : { command };
    const { stdout, stderr, exit } = await this.container.exec(spec, { ...options, stdio: "pipe" });
    const [out, err, { code }] = await Promise.all([text(stdout), text(stderr), exit]);
    return { code, stdout: out, stderr: err };
  }

  async port(
    containerPort: number,
    protocol?: "tcp" | "udp",
  ): Promise<{ readonly host: string; readonly port: number }> {
    return publishedPort(await this.container.info(), containerPort, protocol);
  }

  stop(options?: Options & { readonly grace?: number | undefined }): Promise<void> {
    return this.container.stop(options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await remove(this.container);
    } finally {
      await this.#close();
    }
  }
}

/** The bytes of one stream, out of the log. */
async function* logged(container: Container, wanted: LogLine["stream"]): AsyncGenerator<Uint8Array, void, void> {
  for await (const { stream, text: line, partial } of container.logs({ follow: true })) {
    if (stream !== wanted) continue;
    yield partial ? line : Buffer.concat([line, lineEnd]);
  }
}

const lineEnd = Buffer.from("\n");

async function text(bytes: AsyncIterable<Uint8Array>): Promise<string> {
  return (await buffer(bytes)).toString("utf8");
}

async function remove(container: Container): Promise<void> {
  endWithProcess.delete(container);
  await container.remove({ force: true });
}
