/** What a response's body asks of the connection it comes from. */
export interface BodySource {
  pause(): void;
  resume(): void;
  /** Ends the exchange, and with it the connection. */
  abort(reason: Error): void;
}

/** Bytes that may wait for their reader before the connection is told to pause. */
const highWater = 256 * 1024;

interface Reader {
  resolve(result: IteratorResult<Uint8Array>): void;
  reject(error: unknown): void;
}

/**
 * The body of one answer, between a connection that delivers and one reader that asks. The reader
 * sets the pace: more than `highWater` unread bytes pause the connection. The connection has `stall`
 * milliseconds for each chunk, which count only while the reader waits for it.
 */
export class ResponseBody implements AsyncIterableIterator<Uint8Array> {
  readonly #source: BodySource;
  readonly #stall: number;
  readonly #stalled: () => Error;
  readonly #chunks: Uint8Array[] = [];
  #queued = 0;
  #paused = false;
  #end: { readonly error?: unknown } | undefined;
  #waiting: Reader | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(source: BodySource, stall: number, stalled: () => Error) {
    this.#source = source;
    this.#stall = stall;
    this.#stalled = stalled;
  }

  push(chunk: Uint8Array): void {
    if (this.#end !== undefined) return;
    const reader = this.#waiting;
    if (reader !== undefined) {
      this.#waiting = undefined;
      reader.resolve({ value: chunk, done: false });
      return;
    }
    this.#chunks.push(chunk);
    this.#queued += chunk.byteLength;
    if (this.#queued >= highWater && !this.#paused) {
      this.#paused = true;
      this.#source.pause();
    }
  }

  /** No more bytes come: all were here, or `error` says why not. What came before it can still be read. */
  end(failure: { readonly error?: unknown } = {}): void {
    if (this.#end !== undefined) return;
    this.#end = failure;
    clearTimeout(this.#timer);
    const reader = this.#waiting;
    this.#waiting = undefined;
    if ("error" in failure) reader?.reject(failure.error);
    else reader?.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Uint8Array>> {
    const chunk = this.#chunks.shift();
    if (chunk !== undefined) {
      this.#queued -= chunk.byteLength;
      this.#resume();
      return Promise.resolve({ value: chunk, done: false });
    }
    if (this.#end !== undefined)
      return "error" in this.#end
        ? Promise.reject(this.#end.error)
        : Promise.resolve({ value: undefined, done: true as const });
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#watch();
      this.#resume();
    });
  }

  /** The reader has enough. */
  return(): Promise<IteratorResult<Uint8Array>> {
    if (this.#end === undefined) this.#source.abort(new Error("The reader has enough"));
    this.end();
    this.#chunks.length = 0;
    return Promise.resolve({ value: undefined, done: true });
  }

  // One timer for the whole body: it is cheaper to set it again than to make it for every chunk.
  #watch(): void {
    if (this.#timer !== undefined) this.#timer.refresh();
    else
      this.#timer = setTimeout(() => {
        if (this.#waiting !== undefined) this.#source.abort(this.#stalled());
      }, this.#stall);
  }

  #resume(): void {
    if (!this.#paused || this.#queued > highWater / 4) return;
    this.#paused = false;
    this.#source.resume();
  }
}
