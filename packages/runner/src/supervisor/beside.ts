import type { ExitStatus, Process } from "../engine.ts";
import type { Outlet } from "./outlet.ts";
import { signalNumber } from "./signals.ts";
import type { Task } from "./task.ts";

/**
 * A program beside a container's own, with its streams where an outlet leads; nobody keeps what it
 * writes. `end` is called when it and its output have ended, before `exit` resolves.
 */
export function besideProgram(task: Task, outlet: Outlet, end: () => void | Promise<void>): Process {
  const ended = async (): Promise<ExitStatus> => {
    const [{ code }] = await Promise.all([task.exit, outlet.connect(task)]);
    await end();
    outlet.close();
    return { code, oomKilled: false, finishedAt: new Date().toISOString() };
  };
  const exit = ended();
  // For whoever does not wait for it; who does hears of it.
  exit.catch(() => undefined);
  return {
    stdin: outlet.stdin,
    stdout: outlet.output("stdout"),
    stderr: outlet.output("stderr"),
    exit,
    resize: (size) => task.resize(size),
    kill: (signal) => task.kill(signalNumber(signal)),
  };
}
