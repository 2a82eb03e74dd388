/** Why something that was found does not count. */
export type RejectionReason =
  /** It is no signature that can be read. */
  | "MALFORMED"
  /** It is signed, but by none of the keys that were given, or it was changed since. */
  | "SIGNATURE"
  /** It is genuine, and about other content. */
  | "SUBJECT"
  /** It is of another predicate type: an SBOM is no signature. */
  | "TYPE"
  /** It was signed by somebody else than was asked for. */
  | "IDENTITY"
  /** Its certificate is of no authority that is trusted, or did not count when it was signed. */
  | "CERTIFICATE"
  /** The transparency log has it not, or has something else in its place. */
  | "LOG"
  /** Nobody that is trusted says when it was signed. */
  | "TIMESTAMP"
  /** It lacks an annotation that was asked for, or has it with another value. */
  | "ANNOTATIONS"
  /** The name that was signed is not the one that the image is used by. */
  | "NAME"
  /** Content that it needs is not there, or is damaged. */
  | "CONTENT";

/** Something that was found does not count; `message` says why, and goes on a sentence that names it. */
export class Rejection extends Error {
  override readonly name: string = "Rejection";
  readonly reason: RejectionReason;

  constructor(reason: RejectionReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}
