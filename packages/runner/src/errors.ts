/** What went wrong with a container, as a stable code a program can switch on. */
export type RunnerErrorCode =
  /** The run specification contradicts itself, or asks for what does not exist. */
  | "SPEC"
  /** The image must not be run as it is: see `checkImage`. */
  | "UNSAFE_IMAGE"
  /** A user or group that the image does not have, or that is out of range. */
  | "USER"
  /** The machine or the engine cannot do or enforce what was asked for. */
  | "UNSUPPORTED"
  /** No engine is here, or not the one that was asked for. */
  | "NO_ENGINE"
  /** The engine was asked and could not. */
  | "ENGINE"
  /** There is no such image or container, or no such file in it. */
  | "NOT_FOUND"
  /** More than one container or image has that prefix. */
  | "AMBIGUOUS"
  /** A container of that name is there already. */
  | "NAME_TAKEN"
  /** A port of the host that somebody else listens on. */
  | "PORT_TAKEN"
  /** An image that containers still use. */
  | "IN_USE"
  /** The container does not run, or does, and that is in the way. */
  | "STATE"
  /** Files could not be copied into a container or out of it. */
  | "COPY"
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
    options: { readonly cause?: unknown; readonly hint?: string | undefined } = {},
  ) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.hint = options.hint;
  }
}
