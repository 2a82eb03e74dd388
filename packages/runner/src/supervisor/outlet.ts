import { PassThrough, type Readable, type Writable } from "node:stream";
import { finished } from "node:stream/promises";
import type { Stdio } from "../engine.ts";
import type { LogStream, LogWriter } from "./log-writer.ts";
import type { Task } from "./task.ts";

/**
 * Where a container's streams are connected besides its log: to pipes, to this process's own, or
 * nowhere; for all the starts of its program. Who asks for pipes must read them: a program waits for
 * its reader.
 */
export class Outlet {
  readonly #input: Readable | undefined;
  readonly #outputs: Readonly<Record<LogStream, Writable | undefined>>;
  /** What a caller writes to; with `pipe`, when it is interactive. */
  readonly stdin: PassThrough | undefined;

  constructor(stdio: Stdio, interactive: boolean) {
    this.stdin = stdio === "pipe" && interactive ? new PassThrough() : undefined;
    this.#input = stdio === "inherit" && interactive ? process.stdin : this.stdin;
    this.#outputs =
      stdio === "none"
        ? { stdout: undefined, stderr: undefined }
        : stdio === "inherit"
          ? { stdout: process.stdout, stderr: process.stderr }
          : { stdout: new PassThrough(), stderr: new PassThrough() };
  }

  /** What comes through a pipe; nothing without one. */
  output(stream: LogStream): AsyncIterable<Uint8Array> {
    const output = this.#outputs[stream];
    return output instanceof PassThrough ? output : nothing();
  }

  /** Passes on what a task writes, and to it what comes; resolves when all of its output has come. */
  async connect(task: Pick<Task, "stdin" | "stdout" | "stderr">, log?: LogWriter): Promise<void> {
    const input = this.#input;
    const { stdin } = task;
    // A program need not read what it gets.
    stdin?.on("error", () => undefined);
    if (stdin !== undefined) input?.pipe(stdin);
    await Promise.all([
      copy(task.stdout, "stdout", log, this.#outputs.stdout),
      copy(task.stderr, "stderr", log, this.#outputs.stderr),
    ]);
    log?.flush();
    if (stdin !== undefined) input?.unpipe(stdin);
    // Else a terminal or pipe that is read no more keeps this process from ending.
    if (input !== undefined && input === process.stdin) input.pause();
  }

  /** Nothing more will come. */
  close(): void {
    for (const output of Object.values(this.#outputs)) if (output instanceof PassThrough) output.end();
  }
}

async function copy(
  from: Readable | undefined,
  stream: LogStream,
  log: LogWriter | undefined,
  to: Writable | undefined,
): Promise<void> {
  if (from === undefined) return;
  // When whoever read it has gone, the program and its log go on.
  let open = to?.writable ?? false;
  const close = (): void => {
    open = false;
    from.resume();
  };
  to?.once("error", close).once("close", close);
  from.on("data", (chunk: Uint8Array) => {
    log?.write(stream, chunk);
    if (!open || to === undefined || to.write(chunk)) return;
    from.pause();
    to.once("drain", () => from.resume());
  });
  await finished(from, { writable: false }).catch(() => undefined);
  to?.off("error", close).off("close", close);
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
