/**
 * Work that waits for other work, each piece done once however many ask for it. The first failure ends everything: the
 * signal that all work is to heed is aborted by it.
 */
export class SharedWork<T> {
  readonly #stop = new AbortController();
  readonly #begun = new Map<string, Promise<T>>();
  readonly signal: AbortSignal;

  constructor(signal: AbortSignal | undefined) {
    this.signal = signal === undefined ? this.#stop.signal : AbortSignal.any([signal, this.#stop.signal]);
  }

  /** What comes of the work that is called `key`, which begins when nobody has asked for it before. */
  do(key: string, work: () => Promise<T>): Promise<T> {
    let result = this.#begun.get(key);
    if (result === undefined) {
      result = this.signal.aborted ? Promise.reject(this.signal.reason) : work();
      result.catch((error: unknown) => this.#stop.abort(error));
      this.#begun.set(key, result);
    }
    return result;
  }

  /** What `work` gives, which is to consist of `do`. Throws the first failure, when nothing runs any more. */
  async finish<R>(work: () => Promise<R>): Promise<R> {
    try {
      return await work();
    } catch (error) {
      this.#stop.abort(error);
      await Promise.allSettled(this.#begun.values());
      throw this.signal.reason;
    }
  }
}
