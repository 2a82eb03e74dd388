import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, readFile, realpath, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Image, Options } from "@lading/oci";
import { planContainer } from "../container-plan.ts";
import { RunnerError } from "../errors.ts";
import type { RunSpec } from "../run-spec.ts";
import { runtimeSpec } from "../runtime-spec.ts";
import { findRuntime } from "./find-runtime.ts";
import { unpackedImage } from "./unpacked-images.ts";

export interface RunContainerOptions extends Options {
  /** Where unpacked images and the files of running containers are. Default: `/var/lib/lading`. */
  readonly root?: string | undefined;
  /** Whether the process reads this process's standard input; else it has none. Default: false. */
  readonly interactive?: boolean | undefined;
  /** Milliseconds between SIGTERM and SIGKILL when `signal` aborts. Default: 10 000. */
  readonly grace?: number | undefined;
}

/** How a container ended. */
export interface ContainerExit {
  readonly id: string;
  /** The program's own, or 128 and the number of the signal that ended it. */
  readonly code: number;
}

// The mount lives in a mount namespace of its own, so it is gone with the container, however that ends.
const script = 'mount -t overlay overlay -o "$1" "$2" && shift 2 && exec "$@"';

/**
 * Runs `image` through runc or crun on this process's standard output and error, and returns when
 * it has ended; then nothing is left of it. Needs root on Linux, and no daemon. Throws RunnerError.
 */
export async function runContainer(
  image: Image,
  spec: RunSpec,
  { root = "/var/lib/lading", interactive = false, grace = 10_000, signal }: RunContainerOptions = {},
): Promise<ContainerExit> {
  const runtime = findRuntime();
  if (process.platform !== "linux" || process.getuid?.() !== 0)
    throw new RunnerError("UNSUPPORTED", `Cannot run a container with ${runtime}: that takes root, on Linux`);
  if (/[,:\\"]/.test(root))
    throw new RunnerError("SPEC", `Cannot keep containers in "${root}": the path holds , : " or \\`);
  for (const { source } of spec.mounts ?? []) await mustExist(source);
  const { rootfs, accounts } = await unpackedImage(join(root, "images"), image, { signal });
  const id = randomBytes(32).toString("hex");
  const plan = planContainer(image.config.config ?? {}, accounts, spec, { hostname: id.slice(0, 12) });

  const bundle = join(root, "containers", id);
  const at = (name: string): string => join(bundle, name);
  await mkdir(bundle, { recursive: true, mode: 0o700 });
  try {
    await Promise.all(["upper", "work", "rootfs"].map((name) => mkdir(at(name), { mode: 0o755 })));
    const config = runtimeSpec(plan, {
      root: at("rootfs"),
      cgroupsPath: `/lading-${id}`,
      // A symlink as resolved's would be mounted as it is, and dangle.
      resolvConf: plan.network === "host" ? await realpath("/etc/resolv.conf").catch(() => undefined) : undefined,
    });
    await writeFile(at("config.json"), JSON.stringify(config));
    signal?.throwIfAborted();
    const overlay = `lowerdir=${rootfs},upperdir=${at("upper")},workdir=${at("work")}`;
    const command = ["sh", "-c", script, "sh", overlay, at("rootfs"), runtime];
    const flags = ["--root", join(root, "runtime"), "--log", at("log"), "--log-format", "json"];
    const run = ["run", "--bundle", bundle, "--pid-file", at("pid"), id];
    const child = spawn("unshare", ["--mount", "--propagation", "slave", ...command, ...flags, ...run], {
      stdio: [interactive ? "inherit" : "ignore", "inherit", "inherit"],
    });
    const ended = new Promise<number>((resolve, reject) => {
      child.once("error", (cause) => reject(new RunnerError("ENGINE", "Cannot start unshare", { cause })));
      // runc itself exits with 128 and the signal's number for a program that a signal ended.
      child.once("close", (code) => resolve(code ?? 137));
    });
    // runc passes signals on to the program.
    const stop = async (): Promise<void> => {
      child.kill("SIGTERM");
      await Promise.race([ended, delay(grace, undefined, { ref: false })]);
      if (child.exitCode === null) spawn(runtime, [...flags.slice(0, 2), "kill", id, "KILL"], { stdio: "ignore" });
    };
    const abort = (): void => void stop();
    signal?.addEventListener("abort", abort, { once: true });
    try {
      const code = await ended;
      const started = await readFile(at("pid")).then(
        () => true,
        () => false,
      );
      if (!started) throw await failure(runtime, at("log"));
      return { id, code };
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  } finally {
    await rm(bundle, { recursive: true, force: true });
  }
}

async function mustExist(source: string): Promise<void> {
  try {
    await stat(source);
  } catch (cause) {
    throw new RunnerError("SPEC", `Cannot mount "${source}": it is not there`, { cause });
  }
}

/** What the runtime wrote into its log when no program of the container ever ran. */
async function failure(runtime: string, log: string): Promise<RunnerError> {
  const lines = (await readFile(log, "utf8").catch(() => "")).trim().split("\n");
  const last: unknown = lines.at(-1) === "" ? undefined : JSON.parse(lines.at(-1) ?? "");
  const text = typeof last === "object" && last !== null && "msg" in last ? String(last.msg) : "it said nothing";
  const code = /executable file not found|no such file or directory/.test(text)
    ? "COMMAND_NOT_FOUND"
    : /exec.*permission denied/.test(text)
      ? "COMMAND_NOT_EXECUTABLE"
      : "ENGINE";
  return new RunnerError(code, `Cannot run the container with ${runtime}: ${text}`);
}
