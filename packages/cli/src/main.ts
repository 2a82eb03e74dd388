import { setFlagsFromString } from "node:v8";
import { explain } from "./explain.ts";
import { runProgram } from "./program.ts";
import { styleFor } from "./progress/terminal.ts";

/** The process `lading`: runs the command line `args`, sets the exit code. */
export async function main(args: readonly string[]): Promise<void> {
  // What a build throws away is small and short-lived; a young generation that grows with the number
  // of files (110 MB at 100 000) buys no time. Node 22 to 26 read this when they would grow it.
  setFlagsFromString("--semi-space-growth-factor=1");
  // Most runs end before TurboFan's code pays for its compilation, a sixth of the processor time of a build
  // without changes; the work of long ones is native or WebAssembly. Only unpacking bzip2 gets slower, by a fifth.
  setFlagsFromString("--no-opt");
  // Nothing but a build has WebAssembly to hurry for, which is its compressor. The parser of HTTP is WebAssembly too:
  // the process would wait at its end, 40 ms, for code of it that is optimized for nobody.
  if (args[0] !== "build") setFlagsFromString("--liftoff-only");

  const interruption = new AbortController();
  const interrupt = (): void => {
    // The second Ctrl-C does not wait for the cleaning up.
    if (interruption.signal.aborted) process.exit(130);
    interruption.abort(new DOMException("Interrupted", "AbortError"));
  };
  process.on("SIGINT", interrupt).on("SIGTERM", interrupt);
  // `lading inspect … | head` is no failure.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    process.exit(error.code === "EPIPE" ? 0 : 1);
  });

  // Also what a description's own code throws when nobody listens.
  process.on("uncaughtException", (error) => {
    process.stderr.write(explain(error, styleFor(process.stderr), { verbose: args.includes("--verbose") }));
    process.exit(1);
  });

  process.exitCode = await runProgram(args, interruption.signal);
  process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
}
