import type { IncomingHttpHeaders } from "node:http";
import { knownOf } from "@lading/oci";
import type { Dispatcher } from "undici";
import type { RequestBody } from "./registry-host.ts";
import { ResponseBody } from "./response-body.ts";
import { Timeout } from "./timeout.ts";

/** One request as it goes over the wire. */
export interface WireRequest {
  readonly method: Dispatcher.HttpMethod;
  readonly url: URL;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: RequestBody | undefined;
  readonly signal: AbortSignal | undefined;
  /** Milliseconds from the end of the request to the headers of the answer. */
  readonly headersTimeout: number;
  /** Milliseconds for each chunk of the answer's body. */
  readonly stall: number;
  /** Makes what is thrown out of what a connection failed with, be it before the answer or in its body. */
  readonly fault: (error: unknown) => unknown;
  /** Called once, when nothing more comes: with the status, when there was one, and the bytes of the answer's body. */
  readonly onEnd?: (status: number | undefined, bytes: number, error: unknown) => void;
}

export interface WireResponse {
  readonly status: number;
  /** Every value of a header on its own. */
  readonly headers: IncomingHttpHeaders;
  readonly body: ResponseBody;
}

/** The most that a socket of undici takes without being full: 64 KiB plain, 16 KiB with TLS. */
const socketHighWater = 64 * 1024;

/** Errors that request bodies failed with: they are no fault of this host, and trying again here is of no use. */
const bodyFailures = new WeakSet<object>();

/** Whether `error` is what a request's own body failed with. */
export function isBodyFailure(error: unknown): boolean {
  return typeof error === "object" && error !== null && bodyFailures.has(error);
}

/** Sends one request and waits for the headers of its answer. No redirects, no retries, any status. */
export function roundTrip(dispatcher: Dispatcher, request: WireRequest): Promise<WireResponse> {
  return new Promise((resolve, reject) => new RoundTrip(request, resolve, reject).start(dispatcher));
}

class RoundTrip implements Dispatcher.DispatchHandler {
  readonly #request: WireRequest;
  readonly #resolve: (response: WireResponse) => void;
  readonly #reject: (error: unknown) => void;
  readonly #bodySignal = new AbortController();
  #controller: Dispatcher.DispatchController | undefined;
  #sending: AsyncGenerator<Uint8Array, void, undefined> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #body: ResponseBody | undefined;
  #bodyFailure: { readonly error: unknown } | undefined;
  #status: number | undefined;
  #bytes = 0;
  #over = false;

  constructor(request: WireRequest, resolve: (response: WireResponse) => void, reject: (error: unknown) => void) {
    this.#request = request;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  start(dispatcher: Dispatcher): void {
    const { method, url, headers, body, signal } = this.#request;
    if (signal?.aborted === true) {
      this.#fail(signal.reason);
      return;
    }
    signal?.addEventListener("abort", this.#aborted, { once: true });
    if (body !== undefined && body.size > 0) this.#sending = this.#send(body);
    const options = {
      origin: url.origin,
      path: url.pathname + url.search,
      method,
      headers: { ...headers, ...(body === undefined ? {} : { "content-length": String(body.size) }) },
      body: this.#sending ?? null,
      // A PUT may take minutes to be answered, and a slow reader is no stall: we watch ourselves.
      headersTimeout: 0,
      bodyTimeout: 0,
      // undici closes the connection after each HEAD otherwise.
      reset: false,
    };
    // undici takes an async iterable as body, and its types do not say so.
    const dispatch: unknown = Reflect.get(dispatcher, "dispatch");
    if (typeof dispatch === "function") Reflect.apply(dispatch, dispatcher, [options, this]);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#over) controller.abort(new Error("The request was given up"));
    else if (this.#sending === undefined) this.#awaitHeaders();
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    const controller = this.#controller;
    if (status < 200 || this.#over || controller === undefined) return;
    clearTimeout(this.#timer);
    this.#status = status;
    const { stall } = this.#request;
    this.#body = new ResponseBody(
      {
        pause: () => controller.pause(),
        resume: () => controller.resume(),
        abort: (reason) => this.#abort(reason),
      },
      stall,
      () => new Timeout("body", stall),
    );
    this.#resolve({ status, headers, body: this.#body });
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Uint8Array): void {
    this.#bytes += chunk.byteLength;
    this.#body?.push(chunk);
  }

  onResponseEnd(): void {
    this.#finish();
    this.#body?.end();
  }

  onResponseError(_: Dispatcher.DispatchController, error: unknown): void {
    this.#fail(this.#bodyFailure === undefined ? this.#request.fault(error) : this.#bodyFailure.error);
  }

  readonly #aborted = (): void => {
    const reason: unknown = this.#request.signal?.reason;
    this.#fail(reason);
    this.#controller?.abort(reason instanceof Error ? reason : new Error("Aborted", { cause: reason }));
  };

  #abort(reason: Error): void {
    this.#fail(this.#request.fault(reason));
    this.#controller?.abort(reason);
  }

  #fail(error: unknown): void {
    if (this.#over) return;
    this.#finish(error);
    if (this.#body === undefined) this.#reject(error);
    else this.#body.end({ error });
  }

  // undici may be waiting for a socket that is gone, or the body for a source that is slow: both are let go here.
  #finish(error?: unknown): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    this.#request.signal?.removeEventListener("abort", this.#aborted);
    this.#bodySignal.abort(new Error("The exchange is over"));
    void this.#closeSource();
    this.#request.onEnd?.(this.#status, this.#bytes, error);
  }

  async #closeSource(): Promise<void> {
    try {
      await this.#sending?.return();
    } catch {
      // What a source says when it is closed early matters to nobody.
    }
  }

  #awaitHeaders(): void {
    const { headersTimeout } = this.#request;
    this.#timer = setTimeout(() => this.#abort(new Timeout("headers", headersTimeout)), headersTimeout);
  }

  async *#send(body: RequestBody): AsyncGenerator<Uint8Array, void, undefined> {
    let sent = 0;
    try {
      const bytes = body.open({ signal: this.#bodySignal.signal });
      const { recycle } = knownOf(bytes);
      for await (const chunk of bytes) {
        sent += chunk.byteLength;
        yield chunk;
        // undici asks for more when the socket has none left of a chunk this large.
        if (chunk.byteLength >= socketHighWater) recycle?.(chunk);
      }
      if (sent !== body.size) throw new RangeError(`Cannot send a body of ${body.size} bytes: it has ${sent}`);
    } catch (error) {
      if (!this.#over) {
        this.#bodyFailure = { error };
        if (typeof error === "object" && error !== null) bodyFailures.add(error);
      }
      throw error;
    }
    if (!this.#over && this.#body === undefined) this.#awaitHeaders();
  }
}
