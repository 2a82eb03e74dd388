import { setTimeout as sleep } from "node:timers/promises";
import type { Options } from "@lading/oci";
import { RegistryError } from "../errors.ts";
import { faultCode } from "./faults.ts";
import type { Attempts } from "./registry-host.ts";
import { isBodyFailure } from "./round-trip.ts";

/** How often and how patiently work is tried again. Times in milliseconds. */
export interface RetryPolicy {
  /** Tries of one piece of work without progress. Default: 6. */
  readonly attempts?: number;
  /** The first wait is up to this, each further one up to twice the one before. Default: 500. */
  readonly delay?: number;
  /** No wait that we choose is longer. Default: 20 000. */
  readonly maxDelay?: number;
  /** A registry that asks to wait longer is not waited for. Default: 120 000. */
  readonly maxRetryAfter?: number;
  /** All waits of one piece of work without progress. Default: 240 000. */
  readonly maxWait?: number;
  /** The clock; for tests. */
  readonly now?: () => number;
  readonly sleep?: (milliseconds: number, options: Options) => Promise<void>;
  /** From 0 to below 1. */
  readonly random?: () => number;
}

/** Tries of a connection that never stands: what does not listen now will not do so in a second either. */
const connectAttempts = 3;
const neverStood = new Set(["ECONNREFUSED", "ETIMEDOUT", "UND_ERR_CONNECT_TIMEOUT"]);

/** A try that failed, and will be made again. */
export interface Retry {
  readonly error: RegistryError;
  /** The number of the next try, from 2, of `attempts`. */
  readonly attempt: number;
  readonly attempts: number;
  /** Milliseconds until then. */
  readonly wait: number;
  /** Whether the registry asked for that wait. */
  readonly asked: boolean;
}

/** The pace of all requests to one host: when it asked for a pause, all of them keep it. */
export class Pace {
  readonly #policy: Required<RetryPolicy>;
  #until = 0;
  #answered = false;

  constructor(policy: RetryPolicy = {}) {
    this.#policy = {
      attempts: 6,
      delay: 500,
      maxDelay: 20_000,
      maxRetryAfter: 120_000,
      maxWait: 240_000,
      now: Date.now,
      sleep: (milliseconds, { signal }) => sleep(milliseconds, undefined, signal === undefined ? {} : { signal }),
      random: Math.random,
      ...policy,
    };
  }

  now(): number {
    return this.#policy.now();
  }

  /** To be called when the host answered: should it be gone later, it is being started again. */
  answered(): void {
    this.#answered = true;
  }

  /** Returns when requests may be sent. */
  async ready({ signal }: Options = {}): Promise<void> {
    for (;;) {
      signal?.throwIfAborted();
      const wait = this.#until - this.#policy.now();
      if (wait <= 0) return;
      // Whoever waited for the same pause does not come back at the same moment.
      await this.#sleep(wait + this.#policy.random() * this.#policy.delay, signal);
    }
  }

  attempts({ signal }: Options = {}, onRetry: (retry: Retry) => void = () => undefined): Attempts {
    const { attempts, delay, maxDelay, maxRetryAfter, maxWait, now, random } = this.#policy;
    let failures = 0;
    let waited = 0;
    return {
      progressed() {
        failures = 0;
        waited = 0;
      },
      failed: async (error) => {
        signal?.throwIfAborted();
        if (!(error instanceof RegistryError) || !error.transient || isBodyFailure(error)) throw error;
        failures += 1;
        const absent = !this.#answered && neverStood.has(faultCode(error.cause) ?? "");
        const limit = absent ? Math.min(attempts, connectAttempts) : attempts;
        if (failures >= limit) throw spent(error, failures);
        const { retryAfter } = error;
        if (retryAfter !== undefined && retryAfter > maxRetryAfter) throw tooLong(error, retryAfter, now());
        const wait = retryAfter ?? random() * Math.min(maxDelay, delay * 2 ** (failures - 1));
        waited += wait;
        if (waited > maxWait) throw spent(error, failures);
        onRetry({ error, attempt: failures + 1, attempts: limit, wait, asked: retryAfter !== undefined });
        if (retryAfter === undefined) await this.#sleep(wait, signal);
        else this.#until = Math.max(this.#until, now() + retryAfter);
        await this.ready({ signal });
      },
    };
  }

  async #sleep(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
    try {
      await this.#policy.sleep(milliseconds, { signal });
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
  }
}

function spent(error: RegistryError, failures: number): RegistryError {
  return failures === 1 ? error : again(error, `${error.message} (after ${failures} attempts)`);
}

function tooLong(error: RegistryError, retryAfter: number, now: number): RegistryError {
  const when = new Date(Math.min(now + retryAfter, 8.64e15)).toISOString();
  return again(error, `${error.message} (not before ${when})`);
}

/** The same error, final: whoever waits above us need not try once more. */
function again(error: RegistryError, message: string): RegistryError {
  return new RegistryError(error.code, message, {
    cause: error.cause,
    messages: error.messages,
    transient: false,
    ...(error.status === undefined ? {} : { status: error.status }),
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    ...(error.retryAfter === undefined ? {} : { retryAfter: error.retryAfter }),
  });
}
