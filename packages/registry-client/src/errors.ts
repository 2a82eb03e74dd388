/** What went wrong with a registry, as a stable code a program can switch on. */
export type RegistryErrorCode =
  /** The registry wants credentials, or did not take those it got. */
  | "UNAUTHORIZED"
  /** The registry knows who asks, and refuses: a missing right, a quota, a read-only project. */
  | "DENIED"
  /** Repository, manifest or blob are not there. Content that a `Source` misses is OciError NOT_FOUND instead. */
  | "NOT_FOUND"
  /** Too many requests, and waiting did not help. */
  | "RATE_LIMITED"
  /** No connection, a timeout, a stall or a 5xx, after all attempts. */
  | "UNAVAILABLE"
  /** The certificate of the host does not verify. */
  | "CERTIFICATE"
  /** An answer that no registry may give: HTML, a lying digest or length, a bad Location, a body without end. */
  | "INVALID_RESPONSE"
  /** The registry cannot do what was asked for: schema1 only, no deletion, an unknown digest algorithm. */
  | "UNSUPPORTED"
  /** The registry refused the request as such: 400, 409, 413, 415, 416. */
  | "REFUSED"
  /** A URL that the registry named leads where requests may not go: a private address, plain HTTP, another origin. */
  | "UNSAFE_URL"
  /** Configuration forbids the registry (`blocked` of registries.conf) or cannot be read. */
  | "CONFIG"
  /** A file of credentials or a credential helper failed. */
  | "CREDENTIALS";

/** One entry of a registry's `errors` (distribution-spec §Error Codes). */
export interface RegistryMessage {
  readonly code: string;
  readonly message: string;
  readonly detail?: unknown;
}

export interface RegistryErrorOptions {
  readonly cause?: unknown;
  /** What the user can do next, as one sentence. */
  readonly hint?: string;
  /** HTTP status of the answer, when there was one. */
  readonly status?: number;
  /** What the registry said about it. */
  readonly messages?: readonly RegistryMessage[];
  /** Whether another attempt may end better. Default: false. */
  readonly transient?: boolean;
  /** Milliseconds the registry asked to wait before that (Retry-After). */
  readonly retryAfter?: number;
}

/**
 * Every failure of this package that is not a wrong argument (SyntaxError, TypeError). Its message
 * never holds a secret: URLs are redacted, headers left out.
 */
export class RegistryError extends Error {
  override readonly name: string = "RegistryError";
  readonly code: RegistryErrorCode;
  readonly hint: string | undefined;
  readonly status: number | undefined;
  readonly messages: readonly RegistryMessage[];
  readonly transient: boolean;
  readonly retryAfter: number | undefined;

  constructor(code: RegistryErrorCode, message: string, options: RegistryErrorOptions = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.hint = options.hint;
    this.status = options.status;
    this.messages = options.messages ?? [];
    this.transient = options.transient ?? false;
    this.retryAfter = options.retryAfter;
  }
}
