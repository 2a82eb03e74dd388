import { watch } from "node:fs";

/** Whether something happened in a folder since it was last asked; sleeps until then. */
export class FolderChanges implements Disposable {
  readonly #watcher: ReturnType<typeof watch>;
  readonly #names: readonly string[] | undefined;
  #seen = false;
  #wake: (() => void) | undefined;

  /** @param names - Of the files that matter; all when not given. */
  constructor(folder: string, names?: readonly string[]) {
    this.#names = names;
    this.#watcher = watch(folder, (_, name) => {
      if (this.#names === undefined || name === null || this.#names.includes(name)) this.notify();
    });
    // The folder is gone: that is a change as well.
    this.#watcher.on("error", () => this.notify());
  }

  /** Ends a `next` that waits. */
  notify(): void {
    this.#seen = true;
    this.#wake?.();
  }

  /** Resolves when something has changed since the last call, or after so many milliseconds. Rejects when `signal` aborts. */
  async next(options: { readonly signal?: AbortSignal | undefined; readonly timeout?: number } = {}): Promise<void> {
    const { signal, timeout } = options;
    signal?.throwIfAborted();
    if (!this.#seen) {
      const woken = Promise.withResolvers<void>();
      this.#wake = woken.resolve;
      const timer = timeout === undefined ? undefined : setTimeout(woken.resolve, timeout);
      const abort = (): void => woken.reject(signal?.reason);
      signal?.addEventListener("abort", abort, { once: true });
      try {
        await woken.promise;
      } finally {
        this.#wake = undefined;
        clearTimeout(timer);
        signal?.removeEventListener("abort", abort);
      }
    }
    this.#seen = false;
  }

  [Symbol.dispose](): void {
    this.#watcher.close();
  }
}
