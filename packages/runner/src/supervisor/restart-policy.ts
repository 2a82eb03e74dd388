import type { RestartPolicy } from "../run-spec.ts";

const first = 100; // milliseconds
const longest = 60_000; // milliseconds
const longEnough = 10_000; // milliseconds

/** What is known when a program has ended. */
export interface Ended {
  readonly code: number;
  /** Milliseconds that it ran. */
  readonly ran: number;
  /** How often it was started again already. */
  readonly restarts: number;
  /** Whether somebody stopped it. */
  readonly stopped: boolean;
}

/**
 * When an ended container starts again, as docker has it: 100 ms later, then twice that each time up
 * to a minute; and from the beginning once it has run for ten seconds.
 */
export class Restarts {
  readonly #policy: Required<RestartPolicy>;
  #delay = first;

  constructor(policy: Required<RestartPolicy>) {
    this.#policy = policy;
  }

  /** Milliseconds to wait before the next start; undefined when there shall be none. */
  next({ code, ran, restarts, stopped }: Ended): number | undefined {
    const { name, maximum = 0 } = this.#policy;
    if (stopped || name === "no") return undefined;
    if (name === "on-failure" && (code === 0 || (maximum > 0 && restarts >= maximum))) return undefined;
    if (ran >= longEnough) this.#delay = first;
    const delay = this.#delay;
    this.#delay = Math.min(2 * delay, longest);
    return delay;
  }
}
