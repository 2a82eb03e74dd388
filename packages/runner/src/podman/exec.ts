import { Readable } from "node:stream";
import type { Options } from "@lading/oci";
import type { ExecSpec, ExitStatus, Process, Stdio } from "../engine.ts";
import { RunnerError } from "../errors.ts";
import type { ContainerRecord } from "../state/container-store.ts";
import { connectInput, terminalSize } from "../supervisor/terminal.ts";
import { signalNumber } from "../supervisor/signals.ts";
import { untilBegun } from "../supervisor/until-begun.ts";
import { execAnswer, execStateAnswer } from "./answers.ts";
import type { Hijacked, PodmanClient } from "./podman-client.ts";
import { podmanError } from "./podman-error.ts";
import { passOn } from "./program-output.ts";

// What podman calls the end of a program that never began.
const failures: ReadonlySet<number> = new Set([125, 126, 127]);

/** Begins a program beside a container's own. Throws RunnerError STATE, COMMAND_NOT_FOUND, COMMAND_NOT_EXECUTABLE. */
export async function startExec(
  client: PodmanClient,
  { id, name, plan }: ContainerRecord,
  spec: ExecSpec,
  { stdio = "pipe", signal }: Options & { readonly stdio?: Stdio | undefined } = {},
): Promise<Process> {
  const attempt = `Cannot run "${spec.command[0] ?? ""}" in "${name}"`;
  const { terminal = false, interactive = false, env = [], workdir, user } = spec;
  const body = await client.call("POST", `containers/${id}/exec`, {
    json: {
      Cmd: spec.command,
      // To those of the container.
      Env: env,
      WorkingDir: workdir ?? plan.workdir,
      User: user ?? "",
      Tty: terminal,
      AttachStdin: interactive,
      AttachStdout: true,
      AttachStderr: true,
      Privileged: false,
    },
    signal,
    attempt,
  });
  const { Id } = execAnswer.parse(body);
  const size = terminal && stdio === "inherit" ? terminalSize() : undefined;
  const attached = await client.hijack(`exec/${Id}/start`, {
    json: { Detach: false, Tty: terminal, ...(size === undefined ? {} : { h: size.rows, w: size.columns }) },
    signal,
    attempt,
  });
  const inspect = async (): Promise<ReturnType<typeof execStateAnswer.parse>> => {
    const answer = await client.call("GET", `exec/${Id}/json`, { attempt });
    return execStateAnswer.parse(answer);
  };
  // podman answers this one when the program was started, or could not be.
  const begun = await inspect();
  if (begun.Running) await untilBegun(begun.Pid);
  const mayHaveFailed = !begun.Running && failures.has(begun.ExitCode);
  const said = mayHaveFailed ? await wholeOutput(attached) : undefined;
  const failure = said === undefined ? undefined : failureIn(said);
  if (failure !== undefined) throw podmanError(attempt, 500, failure);
  const source = said === undefined ? attached : { connection: Readable.from([said]), head: new Uint8Array() };
  const output = passOn(source, stdio, terminal);
  const resize: Process["resize"] = async ({ columns, rows }) => {
    await client.call("POST", `exec/${Id}/resize`, { query: { w: columns, h: rows }, attempt });
  };
  const stdin = interactive ? attached.connection : undefined;
  const input = stdio === "inherit" ? connectInput({ stdin, terminal, resize }) : undefined;
  const wait = async (): Promise<ExitStatus> => {
    await output.ended;
    input?.[Symbol.dispose]();
    const { ExitCode } = await inspect();
    return { code: ExitCode, oomKilled: false, finishedAt: new Date().toISOString() };
  };
  const exit = wait();
  exit.catch(() => undefined);
  return {
    stdin: stdio === "pipe" ? stdin : undefined,
    stdout: output.stdout,
    stderr: output.stderr,
    exit,
    resize,
    kill: async (text) => {
      // podman has no call for it.
      const { Pid, Running } = await inspect();
      if (!Running || Pid === 0)
        throw new RunnerError("STATE", `Cannot send ${text} to a program in "${name}": it has ended`);
      process.kill(Pid, signalNumber(text));
    },
  };
}

async function wholeOutput({ connection, head }: Hijacked): Promise<Buffer> {
  const parts: Uint8Array[] = [head];
  for await (const part of connection) if (part instanceof Uint8Array) parts.push(part);
  return Buffer.concat(parts);
}

/** Why a program did not begin; podman says it in place of its output, and nowhere else. */
function failureIn(output: Buffer): string | undefined {
  const text = output.toString("utf8");
  return /Error: (.+: (?:OCI runtime error|OCI runtime attempted to invoke a command that was not found|OCI permission denied))\s/.exec(
    text,
  )?.[1];
}
