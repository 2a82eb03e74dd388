import { type Digest, OciError, type OciErrorCode } from "@lading/oci";
import { RegistryError } from "../errors.ts";

const wrongHint =
  "The registry, or a proxy or cache before it, gives other content than it should: push the image again";

/** Content arrived, and was not what was asked for. Fetched again from the start it may be: `copy` does so once. */
export class WrongContentError extends OciError {
  override readonly name = "WrongContentError";
  readonly transient = true;

  constructor(code: OciErrorCode, message: string, cause?: unknown) {
    super(code, message, { cause, hint: wrongHint });
  }
}

/** What a `Source` throws for content that a registry does not have; other errors as they are. */
export function missingContent(error: unknown, what: string, advice?: string): unknown {
  if (!isNotFound(error)) return error;
  const hint = error.hint ?? advice;
  return new OciError("NOT_FOUND", `Cannot find ${what}: ${error.message}`, {
    cause: error,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** Whether a registry said that it is not there. */
export function isNotFound(error: unknown): error is RegistryError {
  return error instanceof RegistryError && error.code === "NOT_FOUND";
}

/** An answer whose Docker-Content-Digest is of other content than was asked for. */
export function contradiction(what: string, asked: Digest, answered: string): RegistryError {
  return new RegistryError(
    "INVALID_RESPONSE",
    `Cannot read ${what}: the registry answered with ${JSON.stringify(answered.slice(0, 200))} instead of ${asked}`,
    { transient: true },
  );
}
