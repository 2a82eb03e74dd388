import { finished } from "node:stream/promises";
import type { Task } from "../supervisor/task.ts";

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** Of this process's terminal. */
export function ownTerminalSize(): TerminalSize {
  const { columns, rows } = process.stdout;
  return { columns, rows };
}

/**
 * Connects a program that has a terminal with this process's own until it has ended: every key is
 * the program's, and its terminal has the size of this one.
 */
export function onOwnTerminal(task: Task): Task {
  const { stdin, stdout } = process;
  const follow = (): void => {
    // It may have ended meanwhile.
    task.resize(ownTerminalSize()).catch(() => undefined);
  };
  stdout.on("resize", follow);
  if (task.stdin !== undefined) {
    task.stdin.on("error", () => undefined);
    stdin.setRawMode(true);
    stdin.pipe(task.stdin);
  }
  task.stdout?.pipe(stdout, { end: false });
  const ended = async (): Promise<Awaited<Task["exit"]>> => {
    try {
      const exit = await task.exit;
      if (task.stdout !== undefined) await finished(task.stdout, { writable: false }).catch(() => undefined);
      return exit;
    } finally {
      stdout.off("resize", follow);
      if (task.stdin !== undefined) {
        stdin.unpipe(task.stdin);
        stdin.setRawMode(false);
        stdin.pause();
      }
    }
  };
  return { ...task, stdin: undefined, stdout: undefined, stderr: undefined, exit: ended() };
}
