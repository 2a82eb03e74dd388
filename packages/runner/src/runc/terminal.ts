import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { RunnerError } from "../errors.ts";

const run = promisify(execFile);

/**
 * A command that runs `command` with a terminal when this process has none to give: script(1) makes
 * one and passes on what is read and written.
 */
export function withTerminal(command: readonly string[]): readonly string[] {
  return ["script", "--quiet", "--flush", "--return", "--command", `exec ${command.map(quote).join(" ")}`, "/dev/null"];
}

/** What script(1) needs to understand its command as meant. */
export const terminalEnvironment: Readonly<Record<string, string>> = { SHELL: "/bin/sh" };

/**
 * Sets the size of the terminal of a program that a runtime waits for. That is two terminals: the
 * runtime's, so that it does not set another size, and the program's own, which the runtime would set
 * a moment later. Throws RunnerError STATE where there is none.
 */
export async function resizeTerminal(
  pid: number,
  { columns, rows }: { readonly columns: number; readonly rows: number },
): Promise<void> {
  const runtime = await parentOf(pid);
  const resize = (process: number | undefined): Promise<unknown> =>
    run("stty", ["-F", `/proc/${process}/fd/0`, "cols", `${columns}`, "rows", `${rows}`]);
  const [outer, inner] = await Promise.allSettled([resize(runtime), resize(pid)]);
  if (outer.status === "rejected" && inner.status === "rejected")
    throw new RunnerError("STATE", "Cannot resize the terminal: the program has none, or has ended", {
      cause: outer.reason,
    });
}

/** The number of a process's parent; undefined when it is gone. */
export async function parentOf(pid: number): Promise<number | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => undefined);
  return stat === undefined ? undefined : Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
}

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
