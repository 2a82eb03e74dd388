import type { Progress, ProgressEvent, ProgressStream } from "./progress.ts";

/** One JSON object a line, in the order of events. */
export class JsonProgress implements Progress {
  readonly lasting = true;
  readonly #stream: ProgressStream;

  constructor(stream: ProgressStream) {
    this.#stream = stream;
  }

  event(event: ProgressEvent): void {
    this.#stream.write(`${JSON.stringify(event)}\n`);
  }

  end(): void {
    // Nothing is pending.
  }
}
