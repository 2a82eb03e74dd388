import { once } from "node:events";
import { constants } from "node:os";
import { readConfigText, standardInput } from "../config/config-file.ts";
import type { Flags } from "../flags.ts";
import { describeBuild, findDescribing } from "../front-ends/describe-build.ts";
import { dockerfile, usualFrontEnd } from "../front-ends/front-ends.ts";
import type { Interruption } from "../interruption.ts";
import { printable, styleFor } from "../progress/terminal.ts";
import { hasRun } from "./dockerfile-steps.ts";

/*
 * Programs of a Dockerfile run as root of something. Who is not root has the whole command run again as root of a user
 * namespace, as buildah and podman do: see docs/decisions/0014-steps.md.
 */

/** Whether this user is root neither of the machine nor of a namespace, and could be of one. */
export function isUnprivileged(): boolean {
  return process.platform === "linux" && process.getuid?.() !== 0;
}

/** Whether a build runs programs and this user is not root. What is wrong with its description the build says itself. */
export async function takesNamespace(flags: Flags): Promise<boolean> {
  if (!isUnprivileged() || flags.on("dry-run")) return false;
  try {
    const what = { context: flags.required("context"), file: flags.text("file") };
    const found = await findDescribing(what);
    // A description of Lading's own may name a Dockerfile.
    if (found?.frontEnd !== dockerfile && found?.frontEnd !== usualFrontEnd) return false;
    const described = await describeBuild(what);
    if (described?.dockerfile === undefined || !hasRun(described.dockerfile.file)) return false;
    const { findRuntime } = await import("@lading/runner");
    findRuntime();
    return true;
  } catch {
    return false;
  }
}

/**
 * Runs this very command as root of a user namespace, and passes signals on to it; resolves to its exit code. Throws
 * RunnerError UNSUPPORTED where there are no user namespaces.
 */
export async function runInNamespace(flags: Flags, interruption: Interruption): Promise<number> {
  const { beginInUserNamespace, stateFolder } = await import("@lading/runner");
  const { child, single } = await beginInUserNamespace(
    [process.execPath, ...process.execArgv, ...process.argv.slice(1)],
    {
      env: { ...process.env, ...containersEnvironment(), LADING_ROOT: stateFolder() },
      // Somebody has read it already, to see what it says.
      input: flags.text("file") === standardInput ? Buffer.from(await readConfigText(standardInput)) : undefined,
    },
  );
  if (single !== undefined && !flags.on("quiet")) process.stderr.write(singleWarning(single));
  using _ = interruption.takeOver((name) => void child.kill(name));
  // It is of another session: the terminal does not tell it.
  const resize = (): void => void child.kill("SIGWINCH");
  process.on("SIGWINCH", resize);
  await once(child, "exit");
  process.off("SIGWINCH", resize);
  return child.exitCode ?? 128 + constants.signals[child.signalCode ?? "SIGKILL"];
}

/** Tells podman, which a build may hand its image to, that it is where it would go (containers/storage, pkg/unshare). */
function containersEnvironment(): NodeJS.ProcessEnv {
  return {
    _CONTAINERS_USERNS_CONFIGURED: "done",
    _CONTAINERS_ROOTLESS_UID: String(process.getuid?.()),
    _CONTAINERS_ROOTLESS_GID: String(process.getgid?.()),
  };
}

function singleWarning(why: string): string {
  const style = styleFor(process.stderr);
  const what = "Programs see every file as root's, and can neither chown to others nor become one of them";
  return `${style.yellow("warning:")} ${printable(`${what}: there are no more ids to map, since ${why}`)}\n`;
}
