import { RunnerError } from "../errors.ts";

/** The error of an image that is not to be run. */
export function unsafeImage(detail: string, cause?: unknown): RunnerError {
  return new RunnerError("UNSAFE_IMAGE", `Cannot run the image: ${detail}`, cause === undefined ? {} : { cause });
}
