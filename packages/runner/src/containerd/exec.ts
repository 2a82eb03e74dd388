import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Options } from "@lading/oci";
import type { ExecSpec, Process, Stdio } from "../engine.ts";
import type { Accounts } from "../image/user.ts";
import { execSpec } from "../runc/exec-spec.ts";
import type { ContainerRecord } from "../state/container-store.ts";
import { besideProgram } from "../supervisor/beside.ts";
import { Outlet } from "../supervisor/outlet.ts";
import { terminalSize } from "../supervisor/terminal.ts";
import { beginFailure } from "./begin-failure.ts";
import type { ContainerdClient } from "./client.ts";
import { specAny, withOomScore } from "./container-object.ts";
import { unlessGone } from "./grpc.ts";
import { onOwnTerminal } from "./own-terminal.ts";
import { beginProgram } from "./program.ts";
import { makeTaskFolder } from "./task-folder.ts";

export interface ExecOptions extends Options {
  /** The container's folder for its tasks: there is one for this program in it while it runs. */
  readonly folder: string;
  /** The image's. */
  readonly accounts: Accounts;
  readonly stdio: Stdio;
}

/** Begins a program beside a container's own. Throws RunnerError USER, SPEC, COMMAND_NOT_FOUND, COMMAND_NOT_EXECUTABLE and ENGINE. */
export async function execProgram(
  client: ContainerdClient,
  { id, name, plan }: ContainerRecord,
  spec: ExecSpec,
  { folder, accounts, stdio, signal }: ExecOptions,
): Promise<Process> {
  const { tasks } = client;
  const { terminal = false } = spec;
  const interactive = spec.interactive === true && stdio !== "none";
  const inherits = stdio === "inherit" && terminal;
  const process = execSpec(withOomScore(plan), accounts, spec, inherits ? terminalSize() : undefined);
  const execId = `exec-${randomBytes(6).toString("hex")}`;
  const own = join(folder, execId);
  const attempt = `execute "${spec.command[0] ?? ""}" in container "${name}"`;
  const fifos = await makeTaskFolder(own, { stdin: interactive, terminal });
  const end = async (): Promise<void> => {
    fifos.close();
    await unlessGone(tasks.deleteProcess({ containerId: id, execId }));
    await rm(own, { recursive: true, force: true });
  };
  try {
    const made = { containerId: id, execId, ...fifos.paths, terminal, spec: specAny("Process", process) };
    await tasks.exec(made, signal);
    const task = await beginProgram(client, { containerId: id, execId, fifos, attempt }, { signal });
    const outlet = new Outlet(stdio, interactive);
    return besideProgram(inherits ? onOwnTerminal(task) : task, outlet, end);
  } catch (error) {
    await end();
    throw beginFailure(attempt, error);
  }
}
