import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Options } from "@lading/oci";
import { RunnerError, type RunnerErrorCode } from "../errors.ts";
import type { DriverSettings } from "./task.ts";

const monitorLog = "supervisor.log";

/** What the process that watches over a detached container is told. */
export interface MonitorRequest {
  /** The state folder. */
  readonly root: string;
  /** The container. */
  readonly id: string;
  readonly driver: DriverSettings;
}

/** What it answers, once. */
export type MonitorAnswer =
  | { readonly started: true }
  | { readonly error: { readonly code: RunnerErrorCode; readonly message: string; readonly hint: string | undefined } };

/**
 * Starts a container in a process of its own that watches over it, and outlives this one. Resolves
 * when its program has begun; then the two processes know nothing of each other any more. Throws as
 * `supervise`.
 */
export async function startMonitor(request: MonitorRequest, { signal }: Options = {}): Promise<void> {
  signal?.throwIfAborted();
  const { module, flags } = monitorProgram();
  const log = openSync(join(request.root, "containers", request.id, monitorLog), "a", 0o600);
  const child = spawn(process.execPath, [...flags, module, JSON.stringify(request)], {
    detached: true,
    cwd: "/",
    // Without this process's terminal; what Node says of a fault in the monitor is kept.
    stdio: ["ignore", "ignore", log, "ipc"],
  });
  closeSync(log);
  const failed = new AbortController();
  const abort = (): void => void child.kill("SIGTERM");
  signal?.addEventListener("abort", abort, { once: true });
  try {
    // Not its exit, which is seen before what it said when another child ends at that moment.
    const answer = await Promise.race([
      once(child, "message", { signal: failed.signal }).then(([message]: unknown[]) => message),
      once(child, "close", { signal: failed.signal }).then(([code, by]: unknown[]) => ({ ended: by ?? code })),
    ]);
    signal?.throwIfAborted();
    if (isAnswer(answer) && "started" in answer) return;
    if (isAnswer(answer) && "error" in answer)
      throw new RunnerError(answer.error.code, answer.error.message, { hint: answer.error.hint });
    throw new RunnerError("ENGINE", `Cannot watch over the container: its monitor ended (${JSON.stringify(answer)})`);
  } finally {
    failed.abort();
    signal?.removeEventListener("abort", abort);
    if (child.connected) child.disconnect();
    child.unref();
  }
}

/** Beside this module, with its extension: sources and compiled code both run. */
function monitorProgram(): { readonly module: string; readonly flags: readonly string[] } {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  return {
    module: fileURLToPath(new URL(`./monitor-process.${extension}`, import.meta.url)),
    // It holds little, for long.
    flags: [
      "--max-old-space-size=64",
      "--max-semi-space-size=1",
      ...(extension === "ts" ? ["--conditions=@lading/source"] : []),
    ],
  };
}

function isAnswer(value: unknown): value is MonitorAnswer {
  return typeof value === "object" && value !== null && ("started" in value || "error" in value);
}
