import { pipeline } from "node:stream/promises";
import type { Process, Stdio } from "@lading/runner";
import type { Flags } from "../flags.ts";
import { UsageError } from "../usage.ts";
import { writeOut } from "../write-out.ts";

/** Throws UsageError when a program is to read from a terminal and there is none here. */
export function checkTerminal(flags: Flags): void {
  if (flags.on("tty") && flags.on("interactive") && !flags.on("detach") && !process.stdin.isTTY)
    throw new UsageError("Cannot give it a terminal: the input device is not a TTY", {
      hint: "Leave -t out where input comes from a file or a pipe",
    });
}

export interface Connection {
  readonly kind: Stdio;
  /** Resolves when all of the program's output is written; with `inherit` there is nothing to do. */
  connect(program: Process): Promise<void>;
}

/**
 * How a program in the foreground gets this process's streams: as they are, but for a terminal of
 * its own where this process has none to give (`lading run -t … > log`).
 */
export function stdioFor(flags: Flags): Connection {
  if (!flags.on("tty") || (process.stdin.isTTY && process.stdout.isTTY))
    return { kind: "inherit", connect: () => Promise.resolve() };
  return {
    kind: "pipe",
    connect: async ({ stdin, stdout, stderr }) => {
      if (stdin !== undefined) void pipeline(process.stdin, stdin).catch(() => undefined);
      await Promise.all([pump(stdout, process.stdout), pump(stderr, process.stderr)]);
    },
  };
}

async function pump(from: AsyncIterable<Uint8Array>, to: NodeJS.WriteStream): Promise<void> {
  for await (const chunk of from) await writeOut(to, chunk);
}
