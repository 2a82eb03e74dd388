/** What went wrong with content, as a stable code a program can switch on. */
export type OciErrorCode =
  /** Bytes do not hash to the digest they were asked for by. */
  | "DIGEST_MISMATCH"
  /** More or fewer bytes than the descriptor says. */
  | "SIZE_MISMATCH"
  /** A layer does not unpack to the diffID its config names. */
  | "DIFFID_MISMATCH"
  /** The store holds no such name or content. */
  | "NOT_FOUND"
  /** A JSON document is not what its media type promises. */
  | "INVALID_DOCUMENT"
  /** A tar, gzip, zstd, OCI layout or archive is damaged or hostile. */
  | "INVALID_ARCHIVE"
  /** A bound on size, depth or count was passed. */
  | "LIMIT_EXCEEDED"
  /** Several images answer to what was asked for. */
  | "AMBIGUOUS"
  /** A media type, digest algorithm or compression this version cannot read. */
  | "UNSUPPORTED"
  /** A transfer failed; `side` of CopyError says where. */
  | "COPY_FAILED";

export interface OciErrorOptions {
  readonly cause?: unknown;
  /** What the user can do next, as one sentence. */
  readonly hint?: string;
}

/** Every failure of this package that is not a wrong argument (those are SyntaxError or TypeError). */
export class OciError extends Error {
  override readonly name: string = "OciError";
  readonly code: OciErrorCode;
  readonly hint: string | undefined;

  constructor(code: OciErrorCode, message: string, options: OciErrorOptions = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.hint = options.hint;
  }
}
