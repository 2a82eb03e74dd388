import { RunnerError } from "../errors.ts";
import { isStatus } from "./grpc.ts";

/** What `error`, of a call that was to begin a program, says about it. */
export function beginFailure(attempt: string, error: unknown): unknown {
  if (!isStatus(error, "UNKNOWN", "NOT_FOUND", "INTERNAL", "INVALID_ARGUMENT", "PERMISSION_DENIED")) return error;
  // "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: …: unknown"
  const text = error.detail
    .replace(/^.*(?:unable to start container process|exec failed): /, "")
    .replace(/: (?:unknown|not found)$/, "");
  const code = /executable file .*not found|exec: .*no such file or directory/i.test(text)
    ? "COMMAND_NOT_FOUND"
    : /exec: .*(?:permission denied|exec format error|is a directory)|exec format error/i.test(text)
      ? "COMMAND_NOT_EXECUTABLE"
      : "ENGINE";
  return new RunnerError(code, `Cannot ${attempt}: ${text}`, { cause: error });
}
