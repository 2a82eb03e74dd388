import type { Writable } from "node:stream";
import type { Process } from "../engine.ts";

export type TerminalSize = Parameters<Process["resize"]>[0];

/** The size of this process's terminal; undefined when it has none. */
export function terminalSize(): TerminalSize | undefined {
  const { columns, rows } = process.stdout;
  return process.stdout.isTTY && columns > 0 && rows > 0 ? { columns, rows } : undefined;
}

export interface ConnectedProgram {
  /** What the program reads; undefined when it reads nothing. */
  readonly stdin: Writable | undefined;
  /** Whether it has a terminal: then it gets each key as it is pressed, and the size of this process's own. */
  readonly terminal: boolean;
  readonly resize: Process["resize"];
}

/**
 * Gives a program what comes on this process's standard input, until it is disposed of: then the
 * terminal is as before, and nothing keeps this process from ending.
 */
export function connectInput({ stdin: program, terminal, resize }: ConnectedProgram): Disposable {
  const { stdin, stdout } = process;
  const raw = terminal && program !== undefined && stdin.isTTY && !stdin.isRaw;
  const follow = (): void => {
    const size = terminalSize();
    // The program may have ended meanwhile.
    if (size !== undefined) resize(size).catch(() => undefined);
  };
  if (terminal) stdout.on("resize", follow);
  if (raw) stdin.setRawMode(true);
  if (program !== undefined) {
    // A program need not read what it gets.
    program.on("error", () => undefined);
    stdin.pipe(program);
  }
  return {
    [Symbol.dispose]() {
      stdout.off("resize", follow);
      if (program === undefined) return;
      stdin.unpipe(program);
      if (raw) stdin.setRawMode(false);
      stdin.pause();
    },
  };
}
