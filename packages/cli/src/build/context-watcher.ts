import { type FSWatcher, watch } from "node:fs";
import { basename, dirname, relative, sep } from "node:path";
import { setTimeout } from "node:timers/promises";
import { UsageError } from "../usage.ts";

/** Milliseconds without a change after which a batch is whole: tools write several files in one go. */
const quiet = 30;
/** Milliseconds after which a batch goes, however many changes still come. */
const patience = 500;

/** Sees what changes below a folder, and a file elsewhere, from the moment it is made. */
export class ContextWatcher implements Disposable {
  /** Absolute. */
  readonly context: string;
  readonly #watchers: FSWatcher[] = [];
  readonly #changed = new Set<string>();
  #seen = Promise.withResolvers<void>();

  /** `file` is absolute, and may lie in the context. Throws UsageError where the system watches no more. */
  constructor(context: string, file: string | undefined) {
    this.context = context;
    this.#watch(context, true, (path) => path);
    if (file === undefined || !relative(context, file).startsWith("..")) return;
    this.#watch(dirname(file), false, (path) => (path === basename(file) ? file : undefined));
  }

  #watch(folder: string, recursive: boolean, name: (path: string) => string | undefined): void {
    const failed = (cause: unknown): UsageError =>
      new UsageError(`Cannot watch ${folder}`, {
        cause,
        hint: "Where the limit of watches is used up: sysctl fs.inotify.max_user_watches=524288",
      });
    try {
      const watcher = watch(folder, { recursive });
      watcher.on("change", (_, changed) => {
        const path = name(String(changed).replaceAll(sep, "/"));
        if (path === undefined) return;
        this.#changed.add(path);
        this.#seen.resolve();
      });
      watcher.on("error", (cause) => this.#seen.reject(failed(cause)));
      this.#watchers.push(watcher);
    } catch (cause) {
      this[Symbol.dispose]();
      throw failed(cause);
    }
  }

  /**
   * Resolves with what changed since the last call, relative to the context, as soon as something did that
   * `matters` and no more comes for a moment. Throws the signal's reason.
   */
  async next(matters: (path: string) => boolean, signal: AbortSignal): Promise<readonly string[]> {
    const aborted = Promise.withResolvers<never>();
    const abort = (): void => aborted.reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    try {
      for (;;) {
        signal.throwIfAborted();
        await Promise.race([this.#seen.promise, aborted.promise]);
        const begun = performance.now();
        for (let count = -1; count !== this.#changed.size && performance.now() - begun < patience;) {
          count = this.#changed.size;
          await setTimeout(quiet, undefined, { signal });
        }
        const changed = [...this.#changed].filter(matters);
        this.#changed.clear();
        this.#seen = Promise.withResolvers();
        if (changed.length > 0) return changed.toSorted();
      }
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  [Symbol.dispose](): void {
    for (const watcher of this.#watchers) watcher.close();
  }
}
