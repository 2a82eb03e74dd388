export type BuildErrorCode =
  /** A source names nothing, or a glob matches nothing. */
  | "SOURCE_MISSING"
  /** A source leads out of the context. */
  | "SOURCE_OUTSIDE"
  /** A source cannot be read, or is of a kind that a layer cannot hold (a socket, a FIFO…). */
  | "SOURCE_UNREADABLE"
  /** A source changed, grew, shrank or vanished while it was read. */
  | "SOURCE_CHANGED"
  /** Two sources claim one destination, or a file stands where a directory is needed. */
  | "DESTINATION_CONFLICT"
  /** A file that looks like a secret would be shipped. */
  | "SECRET"
  /** A build description is contradictory or incomplete. */
  | "SPEC"
  /** The base image is damaged, lacks the platform, or cannot take what is laid on it. */
  | "BASE"
  /** A program that a Dockerfile runs failed, or could not be run. */
  | "STEP"
  /** Writing the result or the cache failed (disk full, no permission). */
  | "OUTPUT";

export interface BuildErrorOptions {
  readonly cause?: unknown;
  /** What the user can do next, as one sentence. */
  readonly hint?: string | undefined;
}

/** Every failure of a build that is the build's; failures of content are OciError. */
export class BuildError extends Error {
  override readonly name: string = "BuildError";
  readonly code: BuildErrorCode;
  readonly hint: string | undefined;

  constructor(code: BuildErrorCode, message: string, options: BuildErrorOptions = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.hint = options.hint;
  }
}
