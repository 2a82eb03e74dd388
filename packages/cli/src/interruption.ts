/** The signals that a program which runs in the foreground gets in this process's place. */
const passedSignals = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"] as const;
/** Those, and the one of whoever writes what nobody reads. */
export type PassedSignal = (typeof passedSignals)[number] | "SIGPIPE";

/**
 * What becomes of Ctrl-C and SIGTERM: they abort the work of a command, and a second one ends the
 * process at once; unless somebody has taken signals over.
 */
export class Interruption implements Disposable {
  readonly #abort = new AbortController();
  #taken: ((signal: PassedSignal) => void) | undefined;
  readonly #onInt = (): void => this.#interrupt("SIGINT");
  readonly #onTerm = (): void => this.#interrupt("SIGTERM");

  constructor() {
    process.on("SIGINT", this.#onInt).on("SIGTERM", this.#onTerm);
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** From now until it is disposed of, every signal of `passedSignals` is for `handler` alone. */
  takeOver(handler: (signal: PassedSignal) => void): Disposable {
    const others = passedSignals.slice(2).map((name) => [name, () => this.#taken?.(name)] as const);
    for (const [name, listener] of others) process.on(name, listener);
    this.#taken = handler;
    return {
      [Symbol.dispose]: () => {
        this.#taken = undefined;
        for (const [name, listener] of others) process.off(name, listener);
      },
    };
  }

  /** Nobody reads any more what this process writes. Whether that is somebody else's to handle. */
  breakPipe(): boolean {
    this.#taken?.("SIGPIPE");
    return this.#taken !== undefined;
  }

  #interrupt(name: PassedSignal): void {
    if (this.#taken !== undefined) return this.#taken(name);
    // The second Ctrl-C does not wait for the cleaning up.
    if (this.signal.aborted) process.exit(130);
    this.#abort.abort(new DOMException("Interrupted", "AbortError"));
  }

  [Symbol.dispose](): void {
    process.off("SIGINT", this.#onInt).off("SIGTERM", this.#onTerm);
  }
}

/** What goes on until Ctrl-C ends without a word about it, and with 130. */
export async function untilInterrupted(signal: AbortSignal, work: () => Promise<void>): Promise<number> {
  try {
    await work();
    return 0;
  } catch (error) {
    if (signal.aborted) return 130;
    throw error;
  }
}
