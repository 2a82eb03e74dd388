/** What went wrong with a key, a signature or what vouches for one, as a stable code a program can switch on. */
export type TrustErrorCode =
  /** A key cannot be read, or is of a kind that cannot be used for this. */
  | "KEY"
  /** A key is encrypted, and the password is missing or wrong. */
  | "PASSWORD"
  /** No identity token, or one that is no token. */
  | "TOKEN"
  /** A certificate authority, a log or a timestamp authority did not do its part of a signature. */
  | "SIGNING"
  /** A trusted root cannot be read, or leaves open what it must say. */
  | "TRUSTED_ROOT"
  /** Nothing that was found vouches for the image; `rejected` of NotVerifiedError says why. */
  | "NOT_VERIFIED"
  /** A policy cannot be read. */
  | "POLICY"
  /** A policy forbids the image. */
  | "FORBIDDEN";

export interface TrustErrorOptions {
  readonly cause?: unknown;
  /** What the user can do next, as one sentence. */
  readonly hint?: string | undefined;
}

/** Every failure of this package that is not a wrong argument (SyntaxError, TypeError). Its message never holds a secret. */
export class TrustError extends Error {
  override readonly name: string = "TrustError";
  readonly code: TrustErrorCode;
  readonly hint: string | undefined;

  constructor(code: TrustErrorCode, message: string, options: TrustErrorOptions = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.hint = options.hint;
  }
}
