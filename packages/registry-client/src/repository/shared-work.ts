import type { Options } from "@lading/oci";

/** Work that several ask for at once, under a name. */
export class SharedWork {
  readonly #running = new Map<string, Promise<void>>();

  /** Waits for what runs under `key` already, and does `task` only if that fails. */
  async run(key: string, task: () => Promise<void>, { signal }: Options = {}): Promise<void> {
    for (let running = this.#running.get(key); running !== undefined; running = this.#running.get(key)) {
      signal?.throwIfAborted();
      // Its failure is that of whoever began it: their source, their abort.
      const done = await running.then(
        () => true,
        () => false,
      );
      if (done) return;
    }
    await this.#keep(key, task());
  }

  /** Does `task` when all that was asked for under `key` before has ended. */
  async inTurn(key: string, task: () => Promise<void>): Promise<void> {
    const before = this.#running.get(key) ?? Promise.resolve();
    await this.#keep(
      key,
      before.then(task, () => task()),
    );
  }

  async #keep(key: string, work: Promise<void>): Promise<void> {
    this.#running.set(key, work);
    try {
      await work;
    } finally {
      if (this.#running.get(key) === work) this.#running.delete(key);
    }
  }
}
