import { watch } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { setTimeout } from "node:timers/promises";
import { UsageError } from "../usage.ts";
import { TreeWatcher } from "./tree-watcher.ts";

/** Milliseconds without a change after which a batch is whole: tools write several files in one go. */
const quiet = 30;
/** Milliseconds after which a batch goes, however many changes still come. */
const patience = 500;

/** Sees what changes below a folder, and of files elsewhere, from the moment it is made or told of them. */
export class ContextWatcher implements Disposable {
  /** Absolute. */
  readonly context: string;
  /** Names of files elsewhere, by their folder. */
  readonly #beside = new Map<string, Set<string>>();
  readonly #close: (() => void)[] = [];
  readonly #changed = new Set<string>();
  #seen = expectation();

  /** `files` are absolute, and may lie in the context. Throws UsageError where the system watches no more. */
  constructor(context: string, files: Iterable<string>) {
    this.context = context;
    try {
      const tree = new TreeWatcher(
        context,
        (path) => this.#onChange(path),
        (cause) => this.#seen.reject(this.#failed(cause)),
      );
      this.#close.push(() => tree[Symbol.dispose]());
      for (const file of files) this.add(file);
    } catch (cause) {
      this[Symbol.dispose]();
      throw cause instanceof UsageError ? cause : this.#failed(cause);
    }
  }

  /** Sees a file, too, that may lie in the context. Throws UsageError where the system watches no more. */
  add(file: string): void {
    if (!isOutside(this.context, file)) return;
    const folder = dirname(file);
    const known = this.#beside.get(folder);
    known?.add(basename(file));
    if (known !== undefined) return;
    const names = new Set([basename(file)]);
    try {
      const beside = watch(folder, (_, name) => {
        if (name !== null && names.has(name)) this.#onChange(relative(this.context, join(folder, name)));
      });
      beside.on("error", (cause) => this.#seen.reject(this.#failed(cause)));
      this.#close.push(() => beside.close());
      this.#beside.set(folder, names);
    } catch (cause) {
      // That it is not there is told by who reads it.
      if (!(cause instanceof Error && "code" in cause && cause.code === "ENOENT")) throw this.#failed(cause);
    }
  }

  #onChange(path: string): void {
    this.#changed.add(path);
    this.#seen.resolve();
  }

  #failed(cause: unknown): UsageError {
    return new UsageError(`Cannot watch ${this.context}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
      hint: "Where the limit of watches is used up: sysctl fs.inotify.max_user_watches=524288",
    });
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
        this.#seen = expectation();
        if (changed.length > 0) return changed.toSorted();
      }
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  [Symbol.dispose](): void {
    for (const close of this.#close) close();
  }
}

function isOutside(folder: string, file: string): boolean {
  return relative(folder, file).startsWith("..");
}

/** A failure while nobody waits is told to who waits next. */
function expectation(): PromiseWithResolvers<void> {
  const seen = Promise.withResolvers<void>();
  seen.promise.catch(() => undefined);
  return seen;
}
