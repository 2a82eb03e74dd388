import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import type { Options } from "@lading/oci";
import { RunnerError } from "../errors.ts";
import { mount, type Overlay } from "../runc/overlay.ts";
import { startFailure } from "../runc/runtime-process.ts";

/** What is mounted before the runtime begins, seen by it alone. */
interface StepMounts {
  /** Overlays, each mounted at `root` of its folder. */
  readonly overlays: readonly Overlay[];
  /** The file that stands for the network namespace, to be bound to the file `network` of the step's folder. */
  readonly network: string | undefined;
  /** A tar to unpack in a file system in memory at `secrets`. */
  readonly secrets: Uint8Array | undefined;
  /** A mount point to cover: in a user namespace what came from outside cannot be taken away. */
  readonly hide: string | undefined;
}

export interface StepProgram extends StepMounts {
  /** The step's folder. */
  readonly folder: string;
  /** A `run` of the runtime, which writes `pid` and `log` there. */
  readonly command: readonly string[];
  /** For people: what could not be done. */
  readonly attempt: string;
}

export type OnOutput = (chunk: Uint8Array, stream: "stdout" | "stderr") => void;

/**
 * Runs a step's program to its end, for its exit code: 128 and the number of the signal that ended it.
 * The runtime is the first process of a pid namespace, and dies when this process does: with it goes
 * all that the program began, and every mount. Throws RunnerError COMMAND_NOT_FOUND,
 * COMMAND_NOT_EXECUTABLE and ENGINE, and the signal's reason.
 */
export async function runProgram(
  program: StepProgram,
  { signal, onOutput }: Options & { readonly onOutput?: OnOutput | undefined } = {},
): Promise<number> {
  signal?.throwIfAborted();
  const { folder, command, attempt } = program;
  const namespaces = ["--mount", "--propagation", "slave", "--pid", "--fork", "--kill-child"];
  const args = ["--pdeathsig", "KILL", "unshare", ...namespaces, "sh", "-ec", mountScript(program), "sh", ...command];
  // Of a session of its own: keys that are pressed here are for this process to act on.
  const child = spawn("setpriv", args, { cwd: folder, detached: true });
  child.stdout.on("data", (chunk: Uint8Array) => onOutput?.(chunk, "stdout"));
  // Before the program begins it is the shell or the runtime that speaks, and then the error says it.
  const errors = new HeldOutput(
    () => existsSync(join(folder, "pid")),
    (chunk) => onOutput?.(chunk, "stderr"),
  );
  child.stderr.on("data", (chunk: Uint8Array) => errors.push(chunk));
  child.stdin.on("error", () => undefined);
  child.stdin.end(program.secrets);
  const abort = (): void => void child.kill("SIGKILL");
  signal?.addEventListener("abort", abort);
  try {
    const { code, by } = await ended(child, attempt);
    signal?.throwIfAborted();
    const exitCode = code ?? 128 + (by === null ? 0 : constants.signals[by]);
    if (!errors.flush())
      throw await startFailure({ logFile: join(folder, "log"), attempt }, errors.text.trim(), exitCode);
    return exitCode;
  } finally {
    signal?.removeEventListener("abort", abort);
    errors.stop();
  }
}

async function ended(
  child: ReturnType<typeof spawn>,
  attempt: string,
): Promise<{ readonly code: number | null; readonly by: NodeJS.Signals | null }> {
  try {
    await once(child, "close");
    return { code: child.exitCode, by: child.signalCode };
  } catch (cause) {
    throw new RunnerError("UNSUPPORTED", `Cannot ${attempt}: setpriv is not installed`, {
      cause,
      hint: "Install util-linux: your distribution packages it",
    });
  }
}

const patience = 20; // milliseconds

/** Output that is passed on once something is so, which nobody tells. */
class HeldOutput {
  readonly #isOpen: () => boolean;
  readonly #pass: (chunk: Uint8Array) => void;
  #held: Uint8Array[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(isOpen: () => boolean, pass: (chunk: Uint8Array) => void) {
    this.#isOpen = isOpen;
    this.#pass = pass;
  }

  push(chunk: Uint8Array): void {
    this.#held.push(chunk);
    if (!this.flush()) this.#timer ??= setInterval(() => this.flush(), patience);
  }

  /** Whether it is open now. */
  flush(): boolean {
    if (!this.#isOpen()) return false;
    this.stop();
    for (const chunk of this.#held.splice(0)) this.#pass(chunk);
    return true;
  }

  /** What is held. */
  get text(): string {
    return Buffer.concat(this.#held).toString("utf8");
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

/** For sh(1), in the step's folder. The new /proc comes after what is found by the old one. */
function mountScript({ folder, overlays, network, secrets, hide }: StepProgram): string {
  return [
    ...(network === undefined ? [] : [`mount --bind ${quoted(network)} network`]),
    "mount -t proc proc /proc",
    ...(hide === undefined ? [] : [`mount -t tmpfs tmpfs ${quoted(hide)}`]),
    ...overlays.map(
      ({ folder: of, options }) =>
        `(cd ${quoted(of.path)} && ${mount} -t overlay -o ${of.options(...options)} overlay root)`,
    ),
    ...(secrets === undefined
      ? []
      : [
          "mount -t tmpfs -o mode=755 tmpfs secrets",
          "tar --extract --file - --directory secrets --same-permissions --same-owner --numeric-owner",
          // It may leave some of the padding, which would be the program's input.
          "cat > /dev/null",
        ]),
    `cd ${quoted(folder)}`,
    'exec "$@"',
  ].join("\n");
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
