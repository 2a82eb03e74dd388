import { type ChildProcess, spawn, type StdioOptions } from "node:child_process";
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { basename, dirname } from "node:path";
import { PassThrough, type Readable, type Writable } from "node:stream";
import { buffer } from "node:stream/consumers";
import type { Options } from "@lading/oci";
import { RunnerError, type RunnerErrorCode } from "../errors.ts";
import { FolderChanges } from "../supervisor/folder-changes.ts";
import { untilBegun } from "../supervisor/until-begun.ts";
import { resizeTerminal, terminalEnvironment, withTerminal } from "./terminal.ts";

export interface RuntimeCommand {
  /** A `run` or `exec` of the runtime, perhaps with something in front of it that becomes it. */
  readonly command: readonly string[];
  /** Where the runtime writes the number of the program when it has begun. */
  readonly pidFile: string;
  /** Where it writes what goes wrong, as lines of JSON. */
  readonly logFile: string;
  readonly terminal: boolean;
  readonly interactive: boolean;
  /** As `TaskRequest.stdio`; also `none`, where nobody wants the output. */
  readonly stdio: "pipe" | "inherit";
  /** For people: what could not be done. */
  readonly attempt: string;
}

/** A program that a runtime has begun and waits for. */
export interface RuntimeProcess {
  readonly pid: number;
  readonly stdin: Writable | undefined;
  readonly stdout: Readable | undefined;
  readonly stderr: Readable | undefined;
  /** The program's exit code, or 128 and the number of the signal that ended it. */
  readonly exit: Promise<number>;
  resize(size: { readonly columns: number; readonly rows: number }): Promise<void>;
}

/**
 * Begins a program through a runtime, which stays its parent: only so is there somebody to ask how it
 * ended. Resolves when it has begun. Throws RunnerError COMMAND_NOT_FOUND, COMMAND_NOT_EXECUTABLE and
 * ENGINE; what the runtime says on standard error is not passed on then.
 */
export async function beginProgram(request: RuntimeCommand, { signal }: Options = {}): Promise<RuntimeProcess> {
  const { pidFile } = request;
  signal?.throwIfAborted();
  using changes = new FolderChanges(dirname(pidFile), [basename(pidFile)]);
  const child = launch(request);
  const output = { stdout: held(child.stdout), stderr: held(child.stderr) };
  const ended = Promise.withResolvers<number>();
  // With nothing to fill in, 128 and the signal is what a shell says, and what the runtime says of its program.
  child.once("exit", (code, by) => ended.resolve(code ?? 128 + (by === null ? 0 : constants.signals[by])));
  child.once("error", (cause) => ended.reject(new RunnerError("ENGINE", `Cannot ${request.attempt}`, { cause })));
  let over = false;
  void ended.promise
    .catch(() => undefined)
    .finally(() => {
      over = true;
      changes.notify();
    });
  try {
    for (;;) {
      // Asked before the look: what has ended by then has left the file, if it ever did.
      const last = over;
      const pid = Number(read(pidFile) ?? "");
      if (pid > 0) {
        await untilBegun(pid);
        return running({ ...output, stdin: child.stdin }, pid, request, ended.promise);
      }
      if (last) throw await startFailure(request, await textOf(output.stderr), await ended.promise);
      await changes.next({ signal });
    }
  } catch (error) {
    end(child);
    throw error;
  }
}

function launch({ command, terminal, interactive, stdio }: RuntimeCommand): ChildProcess {
  const makeTerminal = terminal && stdio === "pipe";
  const [program = "", ...args] = makeTerminal ? withTerminal(command) : command;
  // On its own terminal the runtime says nothing there: what it says is held back with the rest.
  const streams: StdioOptions = stdio === "inherit" ? ["inherit", "inherit", "pipe"] : ["pipe", "pipe", "pipe"];
  const child = spawn(program, args, {
    stdio: streams,
    // Keys pressed here send signals to all in the foreground; whoever started this passes them on once.
    detached: stdio === "pipe",
    cwd: "/",
    env: makeTerminal ? { ...process.env, ...terminalEnvironment } : process.env,
  });
  // A pipe that has ended, and not /dev/null: crun gives its program's user what it has as standard
  // input, and the null device is the host's. A terminal that is made stays open even if nobody
  // writes to it: at the end of its input it would tell the program that there is no more.
  if (!interactive && !makeTerminal) child.stdin?.end();
  return child;
}

/**
 * A stream of a child that may be read at any time: Node throws away what nobody reads when the child
 * has exited (`flushStdio` of its child_process).
 */
function held(stream: Readable | null): Readable | undefined {
  return stream?.pipe(new PassThrough());
}

/** What a small file says, if it is there: to wait for a thread would take longer than to read it. */
function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

interface Streams {
  readonly stdin: Writable | null;
  readonly stdout: Readable | undefined;
  readonly stderr: Readable | undefined;
}

function running(
  { stdin, stdout, stderr }: Streams,
  pid: number,
  { terminal, interactive, stdio }: Pick<RuntimeCommand, "terminal" | "interactive" | "stdio">,
  exit: Promise<number>,
): RuntimeProcess {
  const piped = stdio === "pipe";
  if (!piped || terminal) stderr?.resume();
  return {
    pid,
    stdin: piped && interactive ? (stdin ?? undefined) : undefined,
    stdout: piped ? stdout : undefined,
    stderr: piped && !terminal ? stderr : undefined,
    exit,
    async resize(size) {
      if (terminal && piped) await resizeTerminal(pid, size);
    },
  };
}

function end(child: ChildProcess): void {
  child.stdout?.destroy();
  child.stderr?.destroy();
  if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
}

/** Why no program ever ran: what the runtime logged, else what it said, else its code. */
export async function startFailure(
  { logFile, attempt }: Pick<RuntimeCommand, "logFile" | "attempt">,
  said: string,
  code: number,
): Promise<RunnerError> {
  const logged = lastMessage(read(logFile) ?? "");
  const text = logged ?? (said === "" ? `it ended with code ${code}` : said);
  return new RunnerError(kindOf(text), `Cannot ${attempt}: ${text}`);
}

async function textOf(stream: Readable | undefined): Promise<string> {
  return stream === undefined ? "" : (await buffer(stream)).toString("utf8").trim();
}

/** By what runc (`exec: "x": …`) and crun (`executable file …`, `open executable: …`) say of programs; of mounts they say the like. */
function kindOf(text: string): RunnerErrorCode {
  const [, reason = ""] = /(?:\bexec: "|\bexec \/|\bexecutable\b)(.*)$/is.exec(text) ?? [];
  if (/not found|no such file or directory/i.test(reason)) return "COMMAND_NOT_FOUND";
  return /permission denied|exec format error|is a directory|not a directory/i.test(reason)
    ? "COMMAND_NOT_EXECUTABLE"
    : "ENGINE";
}

function lastMessage(log: string): string | undefined {
  const line = log.trim().split("\n").at(-1) ?? "";
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && "msg" in value ? String(value.msg) : undefined;
  } catch {
    return undefined;
  }
}
