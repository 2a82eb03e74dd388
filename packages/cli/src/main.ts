import { explain } from "./explain.ts";
import { Interruption } from "./interruption.ts";
import { runProgram } from "./program.ts";
import { styleFor } from "./progress/terminal.ts";

/** The process `lading`: runs the command line `args`, sets the exit code. */
export async function main(args: readonly string[]): Promise<void> {
  using interruption = new Interruption();
  // `lading inspect … | head` is no failure; of `lading run … | head` the program has to hear.
  const isHandled = (error: NodeJS.ErrnoException): boolean => error.code === "EPIPE" && interruption.breakPipe();
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (!isHandled(error)) process.exit(error.code === "EPIPE" ? 0 : 1);
  });

  // Also what a description's own code throws when nobody listens, and what comes of a stderr that is closed.
  process.on("uncaughtException", (error) => {
    if (isHandled(error)) return;
    process.stderr.write(explain(error, styleFor(process.stderr), { verbose: args.includes("--verbose") }));
    process.exit(1);
  });

  process.exitCode = await runProgram(args, interruption);
}
