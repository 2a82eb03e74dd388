import { RunnerError, type RunnerErrorCode } from "../errors.ts";

// What podman and the runtimes say has no codes; the words are podman's errors (libpod/define/errors.go)
// and those of runc, crun and the kernel. The first that fits counts.
const sayings: readonly { readonly text: RegExp; readonly code: RunnerErrorCode; readonly hint?: string }[] = [
  // Also with status 500, when it went while it was looked at.
  { text: /: no such (?:container|exec session|image)$/i, code: "NOT_FOUND" },
  {
    text: /address already in use|port is already allocated/i,
    code: "PORT_TAKEN",
    hint: "Choose another port of the host, or 0 for one that is free",
  },
  { text: /name .{1,300} (?:is )?(?:already )?in use|name is already in use/i, code: "NAME_TAKEN" },
  // podman takes a folder that is not there for a program that is not.
  { text: /chdir to cwd/i, code: "ENGINE" },
  // A dynamic loader or interpreter that is missing is told in the same words as the program.
  { text: /command that was not found|executable file .{1,300} not found/i, code: "COMMAND_NOT_FOUND" },
  { text: /OCI permission denied|exec.{1,300}permission denied/i, code: "COMMAND_NOT_EXECUTABLE" },
  {
    text: /unable to find (?:user|group)|no matching entries in (?:passwd|group)|uids and gids must be in range/i,
    code: "USER",
  },
  { text: /image is in use|image used by|has dependent containers/i, code: "IN_USE" },
  {
    text: /enough available IDs/i,
    code: "UNSUPPORTED",
    hint: "A container with the user namespace keep-id has every id of whoever made it: remove it, or use host",
  },
  {
    text: /unknown mount option|not supported|not available on this system|statfs \/dev\/mqueue/i,
    code: "UNSUPPORTED",
  },
  {
    text: /container state improper|can only|is not running|cannot remove container .{1,300} as it is/i,
    code: "STATE",
  },
];

/** What podman said to a call, as an error; `attempt` is how it begins: `Cannot start "web"`. */
export function podmanError(attempt: string, status: number, message: string): RunnerError {
  const saying = status === 404 ? undefined : sayings.find(({ text }) => text.test(message));
  const code = status === 404 ? "NOT_FOUND" : (saying?.code ?? "ENGINE");
  return new RunnerError(code, `${attempt}: ${clean(message)}`, { hint: saying?.hint });
}

/** One line of text without what terminals obey; what podman passes on may come from an image. */
function clean(message: string): string {
  const line = message.replaceAll(/[\u0000-\u001f\u007f-\u009f]+/g, " ").trim();
  return line.length > 1000 ? `${line.slice(0, 1000)}…` : line;
}
