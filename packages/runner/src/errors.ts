/** What went wrong with a container, as a stable code a program can switch on. */
export type RunnerErrorCode =
  /** The run specification contradicts itself, or asks for what does not exist. */
  | "SPEC"
  /** The image must not be run as it is: see `checkImage`. */
  | "UNSAFE_IMAGE"
  /** A user or group that the image does not have, or that is out of range. */
  | "USER"
  /** The machine cannot enforce what was asked for. */
  | "UNSUPPORTED"
  /** No runtime is here. */
  | "NO_ENGINE"
  /** The runtime was asked and could not. */
  | "ENGINE"
  /** There is nothing to run at that path in the image. */
  | "COMMAND_NOT_FOUND"
  /** What is at that path cannot be executed. */
  | "COMMAND_NOT_EXECUTABLE";

/** Everything that the runner itself throws. */
export class RunnerError extends Error {
  override readonly name: string = "RunnerError";
  readonly code: RunnerErrorCode;
  /** What the user can do next, as one sentence. */
  readonly hint: string | undefined;

  constructor(
    code: RunnerErrorCode,
    message: string,
    options: { readonly cause?: unknown; readonly hint?: string } = {},
  ) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.hint = options.hint;
  }
}
