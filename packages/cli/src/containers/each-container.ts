import { explain } from "../explain.ts";
import type { Flags } from "../flags.ts";
import { styleFor } from "../progress/terminal.ts";

/**
 * Does `work` for each of `names`, all at once, and prints what it returns, by default the name: one
 * that fails stops no other, and is told on stderr. Returns the exit code.
 */
export async function forEachName(
  flags: Flags,
  names: readonly string[],
  signal: AbortSignal,
  work: (name: string) => Promise<string | number | void>,
): Promise<number> {
  const running = names.map(async (name) => {
    try {
      return { name, result: (await work(name)) ?? name };
    } catch (error) {
      return { name, error };
    }
  });
  const documents: unknown[] = [];
  let code = 0;
  for (const promise of running) {
    const outcome = await promise;
    signal.throwIfAborted();
    if ("error" in outcome) {
      code = 1;
      process.stderr.write(explain(outcome.error, styleFor(process.stderr), { verbose: flags.on("verbose") }));
      documents.push({
        name: outcome.name,
        error: outcome.error instanceof Error ? outcome.error.message : String(outcome.error),
      });
    } else {
      documents.push({ name: outcome.name, result: outcome.result });
      if (!flags.on("json")) process.stdout.write(`${outcome.result}\n`);
    }
  }
  if (flags.on("json")) process.stdout.write(`${JSON.stringify(documents)}\n`);
  return code;
}

/** The names that were given, or all there are with `--all`. */
export function namedOrAll(flags: Flags, all: () => readonly string[]): readonly string[] {
  return flags.on("all") ? all() : flags.list("containers");
}
