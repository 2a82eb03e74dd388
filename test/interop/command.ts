import { spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { text } from "node:stream/consumers";

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** What the command reads from stdin. */
  readonly input?: Uint8Array;
}

/** What a command wrote to stdout; a failing one throws, and the error quotes its stderr. */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { status, stdout, stderr } = await attempt(command, args, options);
  if (status !== 0)
    throw new Error(
      `Cannot run ${[command, ...args].join(" ")}: exit code ${status}: ${`${stdout}\n${stderr}`.trim()}`,
    );
  return stdout;
}

/** Run a command whose failure is of interest too. */
export async function attempt(
  command: string,
  args: readonly string[],
  { cwd, env, input }: RunOptions = {},
): Promise<{ readonly status: number | null; readonly stdout: string; readonly stderr: string }> {
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: "pipe" });
  child.stdin.on("error", () => undefined); // a command need not read what it is given
  child.stdin.end(input);
  const exit = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  const [stdout, stderr, status] = await Promise.all([text(child.stdout), text(child.stderr), exit]);
  return { status, stdout, stderr };
}

/**
 * Whether all these programs are here, on PATH or by a path below /usr/lib: `test.runIf(installed("umoci"))`.
 * With LADING_TEST_STRICT=1 a missing one is a failure and not a gap.
 */
export function installed(...programs: readonly string[]): boolean {
  const missing = programs.filter((program) => !isHere(program));
  if (missing.length > 0 && isStrict) throw new Error(`Cannot find ${missing.join(", ")}`);
  return missing.length === 0;
}

/** Whether what is missing is a failure: on the project's CI. */
export const isStrict: boolean = process.env["LADING_TEST_STRICT"] === "1";

/** Engines in these tests are root's: mounts and namespaces are theirs to make. */
export const isRoot: boolean = process.getuid?.() === 0;
if (isStrict && !isRoot) throw new Error("Cannot start engines: not root");

function isHere(program: string): boolean {
  const folders = program.includes("/")
    ? ["/usr/lib", "/usr/libexec"]
    : [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
