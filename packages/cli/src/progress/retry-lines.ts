import type { ProgressEvent } from "./progress.ts";
import { formatTime } from "./quantity.ts";
import { printable } from "./terminal.ts";

// Milliseconds; nobody notices less.
const worthALine = 1000;

/** Tells a person why nothing moves: once for a pause of a registry, however many requests it stops. */
export class RetryLines {
  readonly #until = new Map<string, number>();

  /** What to show; undefined when it need not be told. */
  line(event: Extract<ProgressEvent, { readonly type: "retry" }>): string | undefined {
    const { registry, message, attempt, attempts, wait, asked } = event;
    const now = performance.now();
    if (wait < worthALine || (this.#until.get(registry) ?? 0) > now) return undefined;
    this.#until.set(registry, now + wait);
    const what = asked ? " asks to wait" : ": trying again in";
    return printable(`${registry}${what} ${formatTime(wait)} (try ${attempt} of ${attempts}): ${message}`);
  }
}
