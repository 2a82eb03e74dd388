/** A wait that was too long. */
export class Timeout extends Error {
  override readonly name: string = "Timeout";
  readonly code = "TIMEOUT";
  /** What was waited for: the headers of an answer, its next bytes, or that the other side takes ours. */
  readonly phase: "headers" | "body" | "upload";

  constructor(phase: "headers" | "body" | "upload", milliseconds: number) {
    const awaited = { headers: "no answer", body: "no more bytes", upload: "no bytes were taken" }[phase];
    super(`${awaited} for ${milliseconds / 1000} s`);
    this.phase = phase;
  }
}
