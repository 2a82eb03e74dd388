import { stat } from "node:fs/promises";
import { basename, dirname, relative, resolve } from "node:path";
import { sourceFilter } from "@lading/builder";
import { explain } from "../explain.ts";
import type { Flags } from "../flags.ts";
import { frontEnds } from "../front-ends/front-ends.ts";
import { formatCount } from "../progress/quantity.ts";
import { printable, styleFor } from "../progress/terminal.ts";
import { UsageError } from "../usage.ts";
import { type Built, buildOnce } from "./build-once.ts";
import { EnginePool } from "../engine-pool.ts";
import { ContextWatcher } from "./context-watcher.ts";

/**
 * Builds, and again whenever a source or the description changes, until `signal` says otherwise. A build that fails is told,
 * and tried again with the next change; a wrong call is not.
 */
export async function watchBuild(flags: Flags, signal: AbortSignal): Promise<never> {
  const file = flags.text("file");
  const described = file === undefined ? undefined : resolve(file);
  const files = new Set(described === undefined ? [] : [described]);
  let watcher = new ContextWatcher(await folderOf(flags.required("context")), files);
  // A description may name a Dockerfile elsewhere.
  const onFile = (path: string): void => {
    files.add(path);
    watcher.add(path);
  };
  let built: Built | undefined;
  const engines = new EnginePool();
  try {
    for (;;) {
      try {
        built = await buildOnce(flags, signal, { last: built?.digest, engines, onFile });
      } catch (error) {
        if (signal.aborted || (built === undefined && error instanceof UsageError)) throw error;
        // It may be an engine that has gone.
        await engines[Symbol.asyncDispose]();
        process.stderr.write(explain(error, styleFor(process.stderr), { verbose: flags.on("verbose") }));
      }
      // A project of a workspace is built from the workspace's folder.
      if (built !== undefined && built.request.context !== watcher.context) {
        watcher[Symbol.dispose]();
        watcher = new ContextWatcher(built.request.context, files);
        // What changed until now was not seen.
        continue;
      }
      const isSource = built === undefined ? () => true : sourceFilter(built.request);
      const own = new Set([...files].map((path) => relative(watcher.context, path)));
      const matters = (path: string): boolean => isSource(path) || describes(path) || own.has(path);
      const changed = await watcher.next(matters, signal);
      if (!flags.on("quiet")) tellChanged(changed);
    }
  } finally {
    watcher[Symbol.dispose]();
    await engines[Symbol.asyncDispose]();
  }
}

// Ignore files like to name descriptions, which are no sources, but say what is built.
function describes(path: string): boolean {
  return descriptions.has(basename(path)) || path.endsWith("ignore");
}

const descriptions = new Set(frontEnds.flatMap(({ names }) => names));

async function folderOf(context: string): Promise<string> {
  const found = await stat(context).catch((cause: unknown) => {
    throw new UsageError(`Cannot read context folder "${context}"`, { cause });
  });
  return resolve(found.isDirectory() ? context : dirname(context));
}

function tellChanged([first = "", ...more]: readonly string[]): void {
  const others = more.length === 0 ? "" : ` and ${formatCount(more.length, "more file")}`;
  process.stderr.write(
    `${styleFor(process.stderr).dim(`changed: ${printable(first === "" ? "." : first)}${others}`)}\n`,
  );
}
