import { readFile } from "node:fs/promises";
import { constants } from "node:os";
import type { Container, ExitStatus, Process } from "@lading/runner";
import type { Interruption, PassedSignal } from "../interruption.ts";

/** So many times somebody asks a program to end before it is ended. */
const patience = 3;

/**
 * Waits for a program in the foreground, which gets the signals of this process meanwhile. One that
 * has no handler for SIGINT or SIGTERM would not notice them, as process 1 of its namespace
 * (pid_namespaces(7)): it is ended, as any other program would be.
 */
export async function waitInForeground(
  container: Container,
  program: Process,
  interruption: Interruption,
  { restarts }: { readonly restarts: boolean },
): Promise<ExitStatus> {
  let asked = 0;
  let endedBy: number | undefined;
  const handle = async (signal: PassedSignal): Promise<void> => {
    const ends = signal !== "SIGUSR1" && signal !== "SIGUSR2";
    if (ends) asked++;
    if (ends && (asked >= patience || !(await isHandled(container, signal)))) {
      endedBy = constants.signals[signal];
      await (restarts ? container.stop({ grace: 0 }) : program.kill("SIGKILL"));
    } else if (ends && restarts) await container.stop();
    else await program.kill(signal);
  };
  // What has just ended needs no signal any more.
  using _ = interruption.takeOver((signal) => void handle(signal).catch(() => undefined));
  const exit = await program.exit;
  return endedBy !== undefined && exit.code === 128 + constants.signals.SIGKILL
    ? { ...exit, code: 128 + endedBy }
    : exit;
}

/** Whether the container's program has a handler for a signal: the mask SigCgt of proc(5). */
async function isHandled(container: Container, signal: PassedSignal): Promise<boolean> {
  const { pid } = await container.info();
  if (pid === undefined) return true;
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  const mask = /^SigCgt:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  return mask === undefined || ((BigInt(`0x${mask}`) >> BigInt(constants.signals[signal] - 1)) & 1n) === 1n;
}
